package passporttest

import (
	"errors"
	"net/http"
	"strconv"
)

func (s *Site) adminAddPhone(r *http.Request) error {
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	phone := r.FormValue("phone")
	if phone == "" {
		return errors.New("phone: a number is needed")
	}
	s.AddPhone(mid, phone)
	return nil
}

func (s *Site) adminVerify(r *http.Request) error {
	mid, err := midOf(r)
	if err != nil {
		return err
	}
	status, err := strconv.Atoi(r.FormValue("status"))
	if err != nil || status < 0 {
		return errors.New("status: a number is needed, 0 for none")
	}
	s.SetVerification(mid, status)
	return nil
}

// adminIntl sets the flow and how nobody's check is answered, or either.
func (s *Site) adminIntl(r *http.Request) error {
	flow, anonymous := IntlFlow(r.FormValue("flow")), Anonymous(r.FormValue("anonymous"))
	switch flow {
	case "", IntlPlain, IntlSSO, IntlGoURL, IntlLate, IntlUntrusted:
	default:
		return errors.New("flow: plain, sso, go-url, late or untrusted")
	}
	switch anonymous {
	case "", AnonymousFlag, AnonymousCode:
	default:
		return errors.New("anonymous: flag or code")
	}
	if flow == "" && anonymous == "" {
		return errors.New("flow or anonymous is needed")
	}
	if flow != "" {
		s.SetIntlFlow(flow)
	}
	if anonymous != "" {
		s.SetIntlAnonymous(anonymous)
	}
	return nil
}
