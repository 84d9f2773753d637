package output

import (
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/keeper"
)

// The forms of browsers: each cookie with its attributes, and the local storage
// in which the site's pages keep the refresh token.

type storageState struct {
	Cookies []stateCookie `json:"cookies"`
	Origins []stateOrigin `json:"origins"`
}

type stateCookie struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Domain   string `json:"domain"`
	Path     string `json:"path"`
	Expires  int64  `json:"expires"`
	HTTPOnly bool   `json:"httpOnly"`
	Secure   bool   `json:"secure"`
	SameSite string `json:"sameSite"`
}

type stateOrigin struct {
	Origin       string       `json:"origin"`
	LocalStorage []stateEntry `json:"localStorage"`
}

type stateEntry struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// playwright is a storageState. Playwright demands one of three words for
// sameSite, and takes -1 for the end of a cookie that goes with the session.
func playwright(c keeper.Credential, _ Options) ([]byte, error) {
	state := storageState{Cookies: []stateCookie{}, Origins: []stateOrigin{}}
	for _, k := range c.Cookies {
		entry := stateCookie{
			Name: k.Name, Value: k.Value.Reveal(), Domain: domain(c, k), Path: path(k), Expires: -1,
			HTTPOnly: k.HTTPOnly, Secure: k.Secure, SameSite: "Lax",
		}
		if !k.Expires.IsZero() {
			entry.Expires = k.Expires.Unix()
		}
		switch site := strings.ToLower(k.SameSite); {
		case site == "strict":
			entry.SameSite = "Strict"
		case site == "none" && k.Secure:
			// Browsers refuse None on a cookie that is not Secure.
			entry.SameSite = "None"
		}
		state.Cookies = append(state.Cookies, entry)
	}
	if !c.RefreshToken.IsZero() {
		state.Origins = append(state.Origins, stateOrigin{
			Origin: "https://www." + siteDomain(c), LocalStorage: []stateEntry{{tokenName, c.RefreshToken.Reveal()}},
		})
	}
	return encode(state)
}

type cloudState struct {
	Cookies map[string][]cloudCookie     `json:"cookie_data"`
	Storage map[string]map[string]string `json:"local_storage_data"`
}

// cloudCookie has the names of the browsers' interface for extensions.
type cloudCookie struct {
	Name       string `json:"name"`
	Value      string `json:"value"`
	Domain     string `json:"domain"`
	HostOnly   bool   `json:"hostOnly"`
	Path       string `json:"path"`
	Expiration int64  `json:"expirationDate,omitempty"`
	HTTPOnly   bool   `json:"httpOnly"`
	Secure     bool   `json:"secure"`
	SameSite   string `json:"sameSite"`
	Session    bool   `json:"session"`
}

// cookieCloud is what CookieCloud's clients find after they have decrypted what
// its server gave them. They look the cookies up by the bare domain.
func cookieCloud(c keeper.Credential, _ Options) ([]byte, error) {
	state := cloudState{Cookies: map[string][]cloudCookie{}, Storage: map[string]map[string]string{}}
	for _, k := range c.Cookies {
		domain := domain(c, k)
		entry := cloudCookie{
			Name: k.Name, Value: k.Value.Reveal(), Domain: domain, Path: path(k),
			HTTPOnly: k.HTTPOnly, Secure: k.Secure, SameSite: extensionSameSite(k.SameSite), Session: k.Expires.IsZero(),
		}
		if !k.Expires.IsZero() {
			entry.Expiration = k.Expires.Unix()
		}
		key := strings.TrimPrefix(domain, ".")
		state.Cookies[key] = append(state.Cookies[key], entry)
	}
	if !c.RefreshToken.IsZero() {
		state.Storage["www."+siteDomain(c)] = map[string]string{tokenName: c.RefreshToken.Reveal()}
	}
	return encode(state)
}

// extensionSameSite has other words for the same thing than the header does.
func extensionSameSite(word string) string {
	switch word := strings.ToLower(word); word {
	case "strict", "lax":
		return word
	case "none":
		return "no_restriction"
	}
	return "unspecified"
}
