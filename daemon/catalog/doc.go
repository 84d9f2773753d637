// Package catalog holds the texts of messages to people: in English, in Chinese,
// and in a person's own words where the configuration has some.
//
// It is given what is to be told as [Data] and knows neither accounts nor
// events nor channels. What a service wants (markup, limits, buttons) belongs
// to the channel.
//
// Guarantees:
//   - every type of message has a title and a text in each language;
//   - a title is one line;
//   - what a template gets holds no secret, so no text can;
//   - a template that fails on a message costs that message its own words, not
//     its delivery: the language's usual text is used.
package catalog
