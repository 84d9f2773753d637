package catalog

import (
	"strconv"
	"strings"
	"text/template"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/internal/plain"
)

// The languages.
const (
	English = "en"
	Chinese = "zh-CN"
)

// Catalog writes messages in one language. Make them with [New].
type Catalog struct {
	phrases
	custom map[string]customText
}

// New returns the texts of a language, with custom ones in the place of those
// that come with the program. Its error is a [*TemplateError].
func New(language string, custom ...Custom) (Catalog, error) {
	c := Catalog{phrases: english(), custom: map[string]customText{}}
	if language == Chinese {
		c.phrases = chinese()
	}
	for _, o := range custom {
		parsed, err := o.parse()
		if err != nil {
			return Catalog{}, err
		}
		c.custom[o.Type] = parsed
	}
	return c, nil
}

// OpenLabel is the text of a link or a button that leads to a code.
func (c Catalog) OpenLabel() string { return c.open }

// Sample returns the text of a message that only shows that messages arrive.
func (c Catalog) Sample() (title, text string) { return c.sample, c.sampleText }

// Write returns the title and the text of a message.
func (c Catalog) Write(d Data) (title, text string) {
	title, text = c.usual(d)
	custom := c.custom[d.Type]
	if len(d.Accounts) > 0 {
		return plain.Line(custom.groupTitle.or(title, d)), custom.groupText.or(text, d)
	}
	return plain.Line(custom.title.or(title, d)), custom.text.or(text, d)
}

// About is what a message for several accounts can have in common with others,
// "" for a message that is always about one.
func About(d Data) string {
	switch {
	case d.Type == client.EventLoginRequired && d.Early:
		return aboutEarly
	case d.Type == client.EventLoginFailed && d.Reason != client.ReasonExpired:
		return ""
	case d.Type == client.EventAccountAttention && d.Reason == client.AttentionExpires:
		return aboutEnding
	case d.Type == client.EventAccountAttention && d.Reason == client.AttentionPostponed:
		return aboutPostponed
	case d.Type == client.EventAccountAttention && d.Reason == client.AttentionReminder:
		return aboutReminder
	case d.Type == client.EventLoginRequired, d.Type == client.EventLoginFailed, d.Type == client.EventLoginSucceeded:
		return d.Type
	}
	return ""
}

// usual is what the language has for a message.
func (c Catalog) usual(d Data) (title, text string) {
	if len(d.Accounts) > 0 {
		return c.forSeveral(d)
	}
	title, text = c.forOne(d)
	fill := c.filler(d)
	title, text = fill(title), fill(text)
	switch {
	case d.Link == "":
	case d.Type == client.EventLoginRequired, d.Type == client.EventLoginCode, d.Type == client.EventLoginFailed, d.Reason == client.AttentionReminder:
		text += c.gap + fill(c.page)
	}
	return title, text
}

func (c Catalog) forOne(d Data) (title, text string) {
	switch d.Type {
	case client.EventLoginRequired:
		switch {
		case d.Early:
			return c.early, c.earlyText
		case d.Auto:
			return c.required, c.requiredText
		}
		return c.required, c.requiredManual
	case client.EventLoginCode:
		return c.code, c.codeText
	case client.EventLoginSucceeded:
		switch {
		case d.Revived:
			return c.succeeded, c.revivedText
		case d.First:
			return c.succeeded, c.firstText
		}
		return c.succeeded, c.succeededText
	case client.EventLoginFailed:
		text := c.reasons[d.Reason]
		if d.Reason == client.ReasonWrongAccount && d.By != "" {
			text = c.wrongBy
		}
		if !d.Next.IsZero() {
			text += c.gap + c.nextAttempt
		}
		return c.failed, text + c.gap + c.byHand
	}
	switch d.Reason {
	case client.AttentionExpires:
		return c.ending, c.endingText
	case client.AttentionChannel:
		return c.channel, c.channelText
	case client.AttentionPostponed:
		return c.postponed, c.postponedText
	case client.AttentionReminder:
		return c.reminder, c.reminderText
	case client.AttentionShortLogin:
		return c.short, c.shortText
	}
	return c.attention, "{detail}"
}

// forSeveral writes a list: what happened once, then a line for each account.
func (c Catalog) forSeveral(d Data) (title, text string) {
	about := About(d)
	p := c.many[about]
	lines := []string{p.text}
	if !d.Auto && p.manual != "" {
		lines[0] = p.manual
	}
	for _, each := range d.Accounts {
		line := c.line
		if each.Who != each.Account {
			line += c.lineWho
		}
		if !each.Next.IsZero() {
			line += c.lineNext
		}
		if about == aboutEarly || about == aboutEnding {
			line += c.lineEnds
		}
		if each.Link != "" {
			line += c.lineLink
		}
		lines = append(lines, c.filler(each)(line))
	}
	return strings.ReplaceAll(p.title, "{n}", strconv.Itoa(len(d.Accounts))), strings.Join(lines, "\n")
}

func (c Catalog) filler(d Data) func(string) string {
	return strings.NewReplacer("{account}", d.Account, "{who}", d.Who, "{detail}", d.Detail, "{channel}", d.Channel,
		"{link}", d.Link, "{by}", d.By, "{promised}", zoned(d.Promised, c.day), "{days}", strconv.Itoa(d.Days), "{until}", zoned(d.Until, c.hour),
		"{next}", zoned(d.Next, c.day), "{ends}", zoned(d.Ends, c.day)).Replace
}

// piece is a template of a person's own, or none.
type piece struct{ *template.Template }

// or returns what the template makes of the message, or the usual text.
func (p piece) or(usual string, d Data) string {
	if p.Template == nil {
		return usual
	}
	var b strings.Builder
	if err := p.Execute(&b, d); err != nil || strings.TrimSpace(b.String()) == "" {
		return usual
	}
	return strings.TrimSpace(b.String())
}
