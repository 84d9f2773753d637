package words

import (
	"strconv"
	"strings"
	"text/template"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// The languages.
const (
	English = "en"
	Chinese = "zh-CN"
)

// Words writes messages in one language. Make them with [New].
type Words struct {
	phrases
	own map[string]ownText
}

// New returns the words of a language, with a person's own in the place of the
// usual ones. Its error is a [*TemplateError].
func New(language string, own ...Own) (Words, error) {
	w := Words{phrases: english(), own: map[string]ownText{}}
	if language == Chinese {
		w.phrases = chinese()
	}
	for _, o := range own {
		parsed, err := o.parse()
		if err != nil {
			return Words{}, err
		}
		w.own[o.Type] = parsed
	}
	return w, nil
}

// OpenLabel is the text of a link or a button that leads to a code.
func (w Words) OpenLabel() string { return w.open }

// Sample returns the text of a message that only shows that messages arrive.
func (w Words) Sample() (title, text string) { return w.sample, w.sampleText }

// Write returns the title and the text of a message.
func (w Words) Write(d Data) (title, text string) {
	title, text = w.usual(d)
	own := w.own[d.Type]
	if len(d.Accounts) > 0 {
		return oneLine(own.groupTitle.or(title, d)), own.groupText.or(text, d)
	}
	return oneLine(own.title.or(title, d)), own.text.or(text, d)
}

// About is what a message for several accounts can have in common with others,
// "" for a message that is always about one.
func About(d Data) string {
	switch {
	case d.Type == client.EventLoginRequired && d.Early:
		return aboutEarly
	case d.Type == client.EventLoginFailed && d.Reason != client.ReasonExpired:
		return ""
	case d.Type == client.EventAccountAttention && d.Reason == ReasonExpires:
		return aboutEnding
	case d.Type == client.EventLoginRequired, d.Type == client.EventLoginFailed, d.Type == client.EventLoginSucceeded:
		return d.Type
	}
	return ""
}

// The reasons for which an account wants attention.
const (
	// ReasonExpires: the session ends soon and cannot be refreshed.
	ReasonExpires = "expires"
	// ReasonChannel: messages do not arrive.
	ReasonChannel = "channel"
)

// usual is what the language has for a message.
func (w Words) usual(d Data) (title, text string) {
	if len(d.Accounts) > 0 {
		return w.forSeveral(d)
	}
	title, text = w.forOne(d)
	fill := w.filler(d)
	title, text = fill(title), fill(text)
	if d.Link != "" && (d.Type == client.EventLoginRequired || d.Type == client.EventLoginCode || d.Type == client.EventLoginFailed) {
		text += w.gap + fill(w.page)
	}
	return title, text
}

func (w Words) forOne(d Data) (title, text string) {
	switch d.Type {
	case client.EventLoginRequired:
		switch {
		case d.Early:
			return w.early, w.earlyText
		case d.Auto:
			return w.required, w.requiredText
		}
		return w.required, w.requiredManual
	case client.EventLoginCode:
		return w.code, w.codeText
	case client.EventLoginSucceeded:
		switch {
		case d.Revived:
			return w.succeeded, w.revivedText
		case d.First:
			return w.succeeded, w.firstText
		}
		return w.succeeded, w.succeededText
	case client.EventLoginFailed:
		text := w.reasons[d.Reason]
		if !d.Next.IsZero() {
			text += w.gap + w.nextAttempt
		}
		return w.failed, text + w.gap + w.byHand
	}
	switch d.Reason {
	case ReasonExpires:
		return w.ending, w.endingText
	case ReasonChannel:
		return w.channel, w.channelText
	}
	return w.attention, "{detail}"
}

// forSeveral writes a list: what happened once, then a line for each account.
func (w Words) forSeveral(d Data) (title, text string) {
	about := About(d)
	p := w.many[about]
	lines := []string{p.text}
	if !d.Auto && p.manual != "" {
		lines[0] = p.manual
	}
	for _, each := range d.Accounts {
		line := w.line
		if each.Who != each.Account {
			line += w.lineWho
		}
		if !each.Next.IsZero() {
			line += w.lineNext
		}
		if about == aboutEarly || about == aboutEnding {
			line += w.lineEnds
		}
		if each.Link != "" {
			line += w.lineLink
		}
		lines = append(lines, w.filler(each)(line))
	}
	return strings.ReplaceAll(p.title, "{n}", strconv.Itoa(len(d.Accounts))), strings.Join(lines, "\n")
}

func (w Words) filler(d Data) func(string) string {
	return strings.NewReplacer("{account}", d.Account, "{who}", d.Who, "{detail}", d.Detail, "{channel}", d.Channel,
		"{link}", d.Link, "{days}", strconv.Itoa(d.Days), "{until}", clock(d.Until, w.hour),
		"{next}", clock(d.Next, w.day), "{ends}", clock(d.Ends, w.day)).Replace
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

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
