package input

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// full reads the keeper's own form.
func (c *collector) full(text string) *Error {
	var file struct {
		Site         word        `json:"site"`
		Mid          word        `json:"mid"`
		Cookies      *cookieList `json:"cookies"`
		RefreshToken word        `json:"refresh_token"`
	}
	if err := readJSON(text, &file); err != nil {
		return err
	}
	if file.Site == "intl" {
		return &Error{What: "the login is one of bilibili.tv, only those of bilibili.com are taken over", Err: ErrNoSession}
	}
	if file.Cookies == nil {
		return missing("cookies")
	}
	c.takeToken(string(file.RefreshToken))
	c.list(*file.Cookies, "")
	c.claimMid(string(file.Mid))
	return nil
}

// credential reads what bilibili-api's Credential is made of. Its names are
// found in any case, so that an object of the cookies' own names does as well.
func (c *collector) credential(text string) *Error {
	var file struct {
		Session word `json:"sessdata"`
		CSRF    word `json:"bili_jct"`
		Buvid3  word `json:"buvid3"`
		Buvid4  word `json:"buvid4"`
		Mid     word `json:"dedeuserid"`
		MidSum  word `json:"DedeUserID__ckMd5"`
		Token   word `json:"ac_time_value"`
	}
	if err := readJSON(text, &file); err != nil {
		return err
	}
	c.pair(cookieSession, string(file.Session))
	c.pair(cookieCSRF, string(file.CSRF))
	c.pair(cookieMid, string(file.Mid))
	c.pair("DedeUserID__ckMd5", string(file.MidSum))
	c.pair(cookieBuvid3, string(file.Buvid3))
	c.pair(cookieBuvid4, string(file.Buvid4))
	c.takeToken(string(file.Token))
	return nil
}

// wrappedCredential reads bili-sync's configuration.
func (c *collector) wrappedCredential(text string) *Error {
	var file struct {
		Credential json.RawMessage `json:"credential"`
	}
	if err := readJSON(text, &file); err != nil {
		return err
	}
	if len(file.Credential) == 0 {
		return missing("credential")
	}
	return c.credential(string(file.Credential))
}

// biliup reads the login of biliup, which is the app's. Its refresh token
// renews the app's access token by another request and is no use to a web
// session, so it is not even read.
func (c *collector) biliup(text string) *Error {
	var file struct {
		Info *struct {
			Cookies cookieList `json:"cookies"`
		} `json:"cookie_info"`
		Token struct {
			Mid word `json:"mid"`
		} `json:"token_info"`
	}
	if err := readJSON(text, &file); err != nil {
		return err
	}
	if file.Info == nil {
		return missing("cookie_info")
	}
	c.list(file.Info.Cookies, "")
	c.claimMid(string(file.Token.Mid))
	c.appLogin = true
	return nil
}

// playwright reads a storageState. The site's pages keep the refresh token in
// their local storage, which is part of it.
func (c *collector) playwright(text string) *Error {
	var file struct {
		Cookies *cookieList `json:"cookies"`
		Origins []struct {
			Origin  word `json:"origin"`
			Storage []struct {
				Name  word `json:"name"`
				Value word `json:"value"`
			} `json:"localStorage"`
		} `json:"origins"`
	}
	if err := readJSON(text, &file); err != nil {
		return err
	}
	if file.Cookies == nil {
		return missing("cookies")
	}
	c.list(*file.Cookies, "")
	for _, o := range file.Origins {
		u, err := url.Parse(string(o.Origin))
		if err != nil || !ofSite(u.Hostname()) {
			continue
		}
		for _, item := range o.Storage {
			if item.Name == tokenStorage {
				c.takeToken(string(item.Value))
			}
		}
	}
	return nil
}

// cookiecloud reads what CookieCloud holds once it is decrypted.
func (c *collector) cookiecloud(text string) *Error {
	var file struct {
		Encrypted word                       `json:"encrypted"`
		Cookies   map[string]cookieList      `json:"cookie_data"`
		Storage   map[string]json.RawMessage `json:"local_storage_data"`
	}
	if err := readJSON(text, &file); err != nil {
		return err
	}
	if file.Cookies == nil {
		if file.Encrypted != "" {
			return &Error{What: "it is encrypted; give the plain cookie_data", Err: ErrUnreadable}
		}
		return missing("cookie_data")
	}
	// In order: which of two equal cookies is taken must not be up to a map.
	for _, domain := range slices.Sorted(maps.Keys(file.Cookies)) {
		c.list(file.Cookies[domain], domain)
	}
	for _, domain := range slices.Sorted(maps.Keys(file.Storage)) {
		var items map[string]word
		if ofSite(domain) && json.Unmarshal(file.Storage[domain], &items) == nil {
			c.takeToken(string(items[tokenStorage]))
		}
	}
	return nil
}

// browser reads the bare list that EditThisCookie, Cookie-Editor and the
// browsers' own protocols write.
func (c *collector) browser(text string) *Error {
	var list cookieList
	if err := readJSON(text, &list); err != nil {
		return err
	}
	c.list(list, "")
	return nil
}

func missing(name string) *Error {
	return &Error{What: "the JSON has no " + name + " in it", Err: ErrUnreadable}
}

// objectKeys returns the names at the top of an object, in lower case.
func objectKeys(text string) (map[string]bool, *Error) {
	var object map[string]skipped
	if err := readJSON(text, &object); err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	for k := range object {
		keys[strings.ToLower(k)] = true
	}
	return keys, nil
}

type skipped struct{}

// UnmarshalJSON implements [json.Unmarshaler].
func (skipped) UnmarshalJSON([]byte) error { return nil }

// readJSON does not pass on what encoding/json says: its errors quote numbers
// and names of the text.
func readJSON(text string, into any) *Error {
	err := json.Unmarshal([]byte(text), into)
	if err == nil {
		return nil
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at := min(max(int(syntax.Offset), 0), len(text))
		what := "the JSON is broken here"
		if at == len(text) {
			what = "the text ends in the middle of the JSON, or is none"
		}
		return &Error{Line: 1 + strings.Count(text[:at], "\n"), What: what, Err: ErrUnreadable}
	}
	return &Error{What: "the JSON is not laid out as this format is", Err: ErrUnreadable}
}
