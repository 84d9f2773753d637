package control

import (
	"bytes"
	"encoding/json"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/keeper"
	"github.com/bilikeeper/bilikeeper/daemon/socket"
)

// accounts serves what is asked of accounts, and the status of them all.
type accounts struct {
	*access
	keeper keeper.Accounts
	// needsRestart are the configuration's keys that were changed and take effect
	// at the next start.
	needsRestart func() []string
	// file is the one that the configuration is in.
	file string
}

// status tells of all accounts, or of the one that is asked for. It is written as it
// is put together: of ten thousand accounts it takes some megabytes.
func (a *accounts) status(w http.ResponseWriter, r *http.Request) error {
	own := a.of(r)
	all := a.seen(own)
	if r.URL.Query().Has("account") {
		one, err := a.one(r.URL.Query().Get("account"), own)
		if err != nil {
			return err
		}
		all = func(yield func(client.Account) bool) { yield(one) }
	}
	out := document{to: w}
	out.accounts(all)
	out.add(`,"daemon":`)
	return out.end(a.daemon(own))
}

// one is an account as a peer may see it.
func (a *accounts) one(name string, own socket.Rights) (client.Account, error) {
	if !own.May(socket.VerbStatus, name) {
		return client.Account{}, a.refusal(own, socket.VerbStatus, name)
	}
	got, err := a.keeper.Get(name)
	return shown(got, own), err
}

// seen goes through the accounts as a peer may see them.
func (a *accounts) seen(own socket.Rights) iter.Seq[client.Account] {
	return func(yield func(client.Account) bool) {
		for one := range a.keeper.Each() {
			if own.May(socket.VerbStatus, one.Name) && !yield(shown(one, own)) {
				return
			}
		}
	}
}

// daemon is the keeper as a peer may see it. The keeper's own troubles may name any
// account, so they are for those who may see all.
func (a *accounts) daemon(own socket.Rights) client.Daemon {
	d := a.keeper.Daemon()
	d.Config = a.file
	d.Problems, d.NeedsRestart = append([]string{}, d.Problems...), []string{}
	if !own.May(socket.VerbStatus, socket.Every) {
		d.Problems = []string{}
		return d
	}
	d.NeedsRestart = append(d.NeedsRestart, a.needsRestart()...)
	return d
}

// statusFor is the status as a peer may see it.
func (a *accounts) statusFor(own socket.Rights) client.Status {
	return client.Status{Accounts: slices.AppendSeq([]client.Account{}, a.seen(own)), Daemon: a.daemon(own)}
}

// shown is an account as it goes out: lists are never null. The id of a login
// leads to its code and is for those who may log in.
func shown(a client.Account, own socket.Rights) client.Account {
	if a.Tags == nil {
		a.Tags = []string{}
	}
	if !own.May(socket.VerbLogin, a.Name) {
		a.LoginID = ""
	}
	if len(a.SameSession) == 0 {
		return a
	}
	a.SameSession = slices.DeleteFunc(slices.Clone(a.SameSession), func(name string) bool { return !own.May(socket.VerbStatus, name) })
	return a
}

func (a *accounts) list(w http.ResponseWriter, r *http.Request) error {
	out := document{to: w}
	out.accounts(a.seen(a.of(r)))
	return out.end(nil)
}

func (a *accounts) get(w http.ResponseWriter, r *http.Request) error {
	got, err := a.keeper.Get(r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, shown(got, a.of(r)))
}

// patch changes what is kept of an account's settings.
func (a *accounts) patch(w http.ResponseWriter, r *http.Request) error {
	patch, err := decode[client.AccountPatch](w, r, false)
	if err != nil {
		return err
	}
	changed, err := a.keeper.Patch(r.Context(), r.PathValue("name"), patch)
	if err != nil {
		return err
	}
	return writeJSON(w, shown(changed, a.of(r)))
}

// usualHistory is how many days are told of where nobody asks for more.
const usualHistory = 90

func (a *accounts) history(w http.ResponseWriter, r *http.Request) error {
	days, ok, err := counter(r.URL.Query(), "days")
	if err != nil || ok && (days < 1 || days > client.MostHistory) {
		return badRequest("the parameter \"days\" is a number from 1 to %d", client.MostHistory)
	}
	if !ok {
		days = usualHistory
	}
	h, err := a.keeper.History(r.PathValue("name"), int(days))
	if err != nil {
		return err
	}
	return writeJSON(w, h)
}

func (a *accounts) forget(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	if err := a.keeper.Forget(r.Context(), r.PathValue("name")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *accounts) check(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.CheckRequest](w, r, true)
	if err != nil {
		return err
	}
	result, err := a.keeper.Check(r.Context(), r.PathValue("name"), request.Force)
	if err != nil {
		return err
	}
	result.Account = shown(result.Account, a.of(r))
	return writeJSON(w, result)
}

func (a *accounts) refresh(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.CheckRequest](w, r, true)
	if err != nil {
		return err
	}
	result, err := a.keeper.Refresh(r.Context(), r.PathValue("name"), request.Force)
	if err != nil {
		return err
	}
	result.Account = shown(result.Account, a.of(r))
	return writeJSON(w, result)
}

func (a *accounts) importLogin(w http.ResponseWriter, r *http.Request) error {
	request, err := decode[client.ImportRequest](w, r, false)
	if err != nil {
		return err
	}
	if request.Account == "" {
		request.Account = defaultAccount
	}
	own := a.of(r)
	if !own.May(socket.VerbManage, request.Account) {
		return a.refusal(own, socket.VerbManage, request.Account)
	}
	result, err := a.keeper.Import(r.Context(), request)
	if err != nil {
		return err
	}
	result.Account = shown(result.Account, own)
	result.Notes = append([]string{}, result.Notes...)
	return writeJSON(w, result)
}

func (a *accounts) logout(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	result, err := a.keeper.Logout(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, result)
}

// atOnce is how much of a document is sent at a time. A shorter one goes out with its
// length.
const atOnce = 32 << 10

// document is a JSON document with a list of accounts, on its way out.
type document struct {
	to   http.ResponseWriter
	text []byte
	// begun is true where a part of it has been sent.
	begun bool
}

func (d *document) add(text string) { d.text = append(d.text, text...) }

// accounts begins the document with a list of accounts. A peer that has gone is
// nobody's concern.
func (d *document) accounts(all iter.Seq[client.Account]) {
	d.add(`{"accounts":[`)
	first := true
	for a := range all {
		if !first {
			d.add(",")
		}
		first = false
		if d.text = appendAccount(d.text, a); len(d.text) >= atOnce && !d.send() {
			return
		}
	}
	d.add("]")
}

func (d *document) send() bool {
	if !d.begun {
		d.to.Header().Set("Content-Type", "application/json")
		d.begun = true
	}
	mayWrite(d.to)
	_, err := d.to.Write(d.text)
	d.text = d.text[:0]
	return err == nil
}

// end sends the rest, with a last value where there is one.
func (d *document) end(last any) error {
	if last != nil {
		text, err := plainJSON(last)
		if err != nil {
			return err
		}
		d.text = append(d.text, text...)
	}
	d.add("}\n")
	if !d.begun {
		writeBody(d.to, http.StatusOK, "application/json", d.text)
		return nil
	}
	d.send()
	return nil
}

// plainJSON is v as [writeJSON] writes it, on a line without an end.
func plainJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// appendAccount writes an account as the encoder would, which a test compares, in a
// fifth of its time.
func appendAccount(b []byte, a client.Account) []byte {
	b = appendText(append(b, `{"name":`...), a.Name)
	b = appendText(append(b, `,"site":`...), a.Site)
	b = appendText(append(b, `,"state":`...), a.State)
	b = append(b, `,"mid":`...)
	if a.Mid == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, *a.Mid, 10)
	}
	b = appendText(append(b, `,"uname":`...), a.Uname)
	b = strconv.AppendBool(append(b, `,"refreshable":`...), a.Refreshable)
	b = strconv.AppendBool(append(b, `,"pending_confirm":`...), a.PendingConfirm)
	b = strconv.AppendUint(append(b, `,"generation":`...), a.Generation, 10)
	b = appendTime(append(b, `,"expires_at":`...), a.ExpiresAt)
	b = appendTime(append(b, `,"checked_at":`...), a.CheckedAt)
	b = appendTime(append(b, `,"next_check_at":`...), a.NextCheckAt)
	b = appendTime(append(b, `,"refreshed_at":`...), a.RefreshedAt)
	b = append(b, `,"last_check":`...)
	if a.LastCheck == nil {
		b = append(b, "null"...)
	} else {
		b = appendText(b, *a.LastCheck)
	}
	b = appendText(append(b, `,"detail":`...), a.Detail)
	b = appendTime(append(b, `,"blocked_until":`...), a.BlockedUntil)
	b = strconv.AppendInt(append(b, `,"failures":`...), int64(a.Failures), 10)
	b = append(b, `,"next":`...)
	if a.Next == nil {
		b = append(b, "null"...)
	} else {
		b = appendText(append(b, `{"action":`...), a.Next.Action)
		b = append(appendTime(append(b, `,"at":`...), &a.Next.At), '}')
	}
	if a.LoginID != "" {
		b = appendText(append(b, `,"login_id":`...), a.LoginID)
	}
	if a.Attention != "" {
		b = appendText(append(b, `,"attention":`...), a.Attention)
	}
	b = appendTexts(append(b, `,"tags":`...), a.Tags)
	b = appendText(append(b, `,"schedule":`...), a.Schedule)
	b = strconv.AppendBool(append(b, `,"paused":`...), a.Paused)
	if len(a.SameSession) > 0 {
		b = appendTexts(append(b, `,"same_session":`...), a.SameSession)
	}
	if a.Host != "" {
		b = appendText(append(b, `,"host":`...), a.Host)
	}
	return append(b, '}')
}

func appendTexts(b []byte, list []string) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, text := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, text)
	}
	return append(b, ']')
}

func appendTime(b []byte, t *time.Time) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// appendText leaves all but plain texts to the encoder.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, _ := plainJSON(text) // a text always has a JSON
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}
