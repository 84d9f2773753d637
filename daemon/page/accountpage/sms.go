package accountpage

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/handover"
)

// SMSPage is the form of a login by SMS, which the login pages have: its markup,
// with the way to a code to scan; the texts of its script; what its document may
// load, which is the captcha besides.
type SMSPage struct {
	Form   func(lang, code string) (template.HTML, error)
	Texts  func(lang string) string
	Policy string
}

// smsForm is the form in place.
type smsForm struct {
	Form        template.HTML
	Texts, Base string
	Account     string
	Path        string
}

// tokenLife is how long the form works at least once it is opened. Who opens it
// again within that time gets the same token, and with it the limits of one link.
const tokenLife = time.Hour

// smsRoom shows the form of a login by SMS in the account page's frame. It has a
// document of its own: the captcha's script is somebody else's, and no other
// document lets it in.
type smsRoom struct{ *Page }

// begin makes sure that there is something that the form can stand for.
func (p smsRoom) begin(w http.ResponseWriter, r *http.Request, v visit) {
	a, err := p.Keeper.Accounts().Get(r.PathValue("name"))
	if err != nil {
		p.refuse(w, v, http.StatusNotFound, "no_account")
		return
	}
	if len(p.Keeper.Logins().Subjects(a.Name)) == 0 {
		if !p.codes.allow(a.Name) {
			actions(p).back(w, r, v, "used_up", nil)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), siteLimit-5*time.Second)
		defer cancel()
		if _, err := handover.Anywhere(p.Keeper).Start(ctx, loginRoom(p).request(a, client.MethodSMS)); err != nil {
			actions(p).back(w, r, v, "", err)
			return
		}
	}
	see(w, v.up+"accounts/"+url.PathEscape(a.Name)+"/sms")
}

func (p smsRoom) screen(w http.ResponseWriter, r *http.Request, v visit) {
	name := r.PathValue("name")
	if _, err := p.Keeper.Accounts().Get(name); err != nil {
		p.refuse(w, v, http.StatusNotFound, "no_account")
		return
	}
	at := v.up + "accounts/" + url.PathEscape(name)
	subjects := p.Keeper.Logins().Subjects(name)
	if len(subjects) == 0 {
		see(w, at) // it has ended meanwhile
		return
	}
	s := p.sheet(r, v, "account")
	form, err := p.frame.SMS.Form(v.Lang, at)
	if err != nil {
		panic(err) // its template is the program's own
	}
	s.Title = s.T["by_sms_title"]
	s.SMS = &smsForm{Form: form, Texts: p.frame.SMS.Texts(v.Lang), Account: name, Path: at,
		Base: v.up + "l/" + p.frame.LoginToken(name, subjects[0], time.Now().Truncate(tokenLife).Add(2*tokenLife))}
	w.Header().Set("Content-Security-Policy", p.frame.SMS.Policy)
	p.documents.render(w, http.StatusOK, "sms.html", s)
}
