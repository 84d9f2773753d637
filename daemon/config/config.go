package config

import (
	"bytes"
	_ "embed"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/bilikeeper/bilikeeper/internal/setting"
	"github.com/bilikeeper/bilikeeper/internal/sitehost"
)

// Config is the whole configuration. Start from [Default]; the zero value
// holds no working settings.
type Config struct {
	// StateDir and Socket are "" for the default place; see [Places.With].
	StateDir string `toml:"state_dir"`
	Socket   string `toml:"socket"`
	// Locale is one of the Locale… words.
	Locale string `toml:"locale"`
	// TrustedProxies are addresses and networks whose X-Forwarded-For the listeners
	// believe.
	TrustedProxies []string  `toml:"trusted_proxies"`
	Log            Log       `toml:"log"`
	Check          Check     `toml:"check"`
	Refresh        Refresh   `toml:"refresh"`
	Login          Login     `toml:"login"`
	Limits         Limits    `toml:"limits"`
	Control        Control   `toml:"control"`
	Page           Page      `toml:"page"`
	Metrics        Metrics   `toml:"metrics"`
	Heartbeat      Heartbeat `toml:"heartbeat"`
	Serve          Serve     `toml:"serve"`
	Backup         Backup    `toml:"backup"`
	Store          Store     `toml:"store"`
	Journal        Journal   `toml:"journal"`
	Notify         []Notify  `toml:"notify"`
	Text           []Text    `toml:"text"`
	Output         []Output  `toml:"output"`
	Accounts       []Account `toml:"account"`
	Endpoints      Endpoints `toml:"endpoints"`
}

// The languages of messages to people and of the command line.
const (
	LocaleAuto    = "auto"
	LocaleEnglish = "en"
	LocaleChinese = "zh-CN"
)

// Log says what is logged, and how.
type Log struct {
	Level  string `toml:"level"`  // trace, debug, info, warn, error
	Format string `toml:"format"` // auto, json, console
}

// Check says when the site is asked whether a session lives.
type Check struct {
	Schedule     string   `toml:"schedule"`
	Jitter       Duration `toml:"jitter"`
	ConfirmAfter Duration `toml:"confirm_after"`
}

// Refresh says whether credentials are rotated before they expire.
type Refresh struct {
	Auto bool `toml:"auto"`
}

// Login says how a dead session is brought back.
type Login struct {
	Auto         bool     `toml:"auto"`
	Codes        int      `toml:"codes"`
	Remind       Remind   `toml:"remind"`
	QuietHours   Quiet    `toml:"quiet_hours"`
	Gather       Duration `toml:"gather"`
	Poll         Duration `toml:"poll"`
	IntlLocale   string   `toml:"intl_locale"`
	IntlPlatform string   `toml:"intl_platform"` // web, tv
	SMSAPI       string   `toml:"sms_api"`       // current, legacy
}

// Limits bounds what is asked of the site.
type Limits struct {
	MinCheckInterval  Duration `toml:"min_check_interval"`
	RequestsPerMinute int      `toml:"requests_per_minute"`
	RefreshesPerHour  int      `toml:"refreshes_per_hour"`
	Concurrency       int      `toml:"concurrency"`
}

// Control says who may use the socket beside its owner and root.
type Control struct {
	// Allow is in order; the first entry that fits a peer decides.
	Allow []Allow `toml:"allow"`
}

// Allow lets a user or a group use the socket.
type Allow struct {
	// One of User and Group is set: a name, or a number.
	User     string   `toml:"user,omitempty"`
	Group    string   `toml:"group,omitempty"`
	Accounts []string `toml:"accounts"`
	// May holds verbs of [Checks].
	May []string `toml:"may"`
}

// Page is where login pages and the account page are served.
type Page struct {
	Listen    string `toml:"listen"`
	PublicURL string `toml:"public_url" mask:"user"`
	// PasswordFile holds what signs in to the account page, beside links.
	PasswordFile string `toml:"password_file"`
	// May is what a browser may do that is signed in; nothing is no account page.
	May []string `toml:"may"`
}

// Backup says how often a sealed copy of the vault is made.
type Backup struct {
	// Every is 0 for never.
	Every Duration `toml:"every"`
	// Keep is how many copies there are; an older one goes when a new one is whole.
	Keep int `toml:"keep"`
	// Dir is "" for a directory beside the vault, see [Places.Backups].
	Dir string `toml:"dir"`
}

// Journal says how many entries of the journal are kept.
type Journal struct {
	// Entries is how many there are at least, PerAccount how many for each account.
	// Who read which credential does not count among them.
	Entries    int `toml:"entries"`
	PerAccount int `toml:"per_account"`
}

// Text are a person's own words for one type of message.
type Text struct {
	Type       string `toml:"type"`
	Title      string `toml:"title,omitempty"`
	Text       string `toml:"text,omitempty"`
	GroupTitle string `toml:"group_title,omitempty"`
	GroupText  string `toml:"group_text,omitempty"`
}

// Account holds the settings of one account.
type Account struct {
	Name     string   `toml:"name"`
	Schedule string   `toml:"schedule"`
	Tags     []string `toml:"tags"`
	// Paused accounts are left alone.
	Paused bool `toml:"paused"`
	// Proxy is the way to the site for all of the account's requests, ProxyFile a
	// file with it.
	Proxy     string `toml:"proxy" mask:"proxy"`
	ProxyFile string `toml:"proxy_file"`
}

// Endpoints are the site's hosts, or what stands in for them.
type Endpoints struct {
	Passport          string `toml:"passport" mask:"user"`
	API               string `toml:"api" mask:"user"`
	WWW               string `toml:"www" mask:"user"`
	PassportGame      string `toml:"passport_game" mask:"user"`
	PassportIntl      string `toml:"passport_intl" mask:"user"`
	APIIntl           string `toml:"api_intl" mask:"user"`
	GeetestJS         string `toml:"geetest_js" mask:"user"`
	CorrespondKeyFile string `toml:"correspond_key_file"`
}

// Default returns the configuration of a keeper without a file.
func Default() Config {
	return Config{
		Locale:         LocaleAuto,
		TrustedProxies: []string{"127.0.0.0/8", "::1"},
		Log:            Log{Level: "info", Format: "auto"},
		Check: Check{
			Schedule:     "@every 8h",
			Jitter:       Duration(30 * time.Minute),
			ConfirmAfter: Duration(time.Minute),
		},
		Refresh: Refresh{Auto: true},
		Login: Login{
			Auto:   true,
			Codes:  3,
			Remind: Remind{Duration(time.Hour), Duration(6 * time.Hour), Duration(24 * time.Hour)},
			Gather: Duration(10 * time.Minute),
			Poll:   Duration(2 * time.Second),
			SMSAPI: "current", IntlLocale: "en_US", IntlPlatform: "web",
		},
		Page: Page{May: []string{"status", "login", "check"}},
		Limits: Limits{
			MinCheckInterval:  Duration(10 * time.Minute),
			RequestsPerMinute: 30,
			RefreshesPerHour:  6,
			Concurrency:       4,
		},
		Heartbeat: Heartbeat{Every: Duration(5 * time.Minute)},
		Backup:    Backup{Every: Duration(24 * time.Hour), Keep: 7},
		Store:     Store{Type: StoreBolt, Endpoints: []string{}, Prefix: "/bilikeeper"},
		Journal:   Journal{Entries: 10_000, PerAccount: 20},
		Endpoints: defaultEndpoints(),
	}
}

func defaultEndpoints() Endpoints {
	return Endpoints{
		Passport:     sitehost.Passport,
		API:          sitehost.API,
		WWW:          sitehost.WWW,
		PassportGame: sitehost.PassportGame,
		PassportIntl: sitehost.PassportIntl,
		APIIntl:      sitehost.APIIntl,
		GeetestJS:    "https://static.geetest.com/static/js/gt.0.4.9.js",
	}
}

// fill sets what an entry of a list leaves out; the decoder starts each entry
// from zero.
func (c *Config) fill() {
	for i := range c.Notify {
		n := &c.Notify[i]
		if n.Events == nil {
			n.Events = DefaultEvents()
		}
		if n.Accounts == nil {
			n.Accounts = []string{"*"}
		}
	}
	for i := range c.Output {
		c.Output[i].fill()
	}
}

const mostNameLetters = 64

// ValidName reports whether a name can be an account's, a channel's or an
// output's: letters and digits of any script, dashes, underscores and dots. One that
// begins with a dash would be an option to other programs, one that begins or ends
// with a dot a hidden file or a name that a file system changes, and some are devices.
func ValidName(name string) bool {
	if !norm.NFC.IsNormalString(name) || utf8.RuneCountInString(name) > mostNameLetters || strings.Trim(name, ".") != name || strings.HasPrefix(name, "-") {
		return false
	}
	if isDevice(name) {
		return false
	}
	for _, r := range name {
		if !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("-_.", r) {
			return false
		}
	}
	return name != ""
}

// isDevice knows the names that are no files to Windows, with any ending.
func isDevice(name string) bool {
	base, _, _ := strings.Cut(strings.ToLower(name), ".")
	switch base {
	case "con", "prn", "aux", "nul":
		return true
	}
	port := strings.TrimPrefix(strings.TrimPrefix(base, "com"), "lpt")
	return len(base) == 4 && len(port) == 1 && port >= "0" && port <= "9"
}

// CanonicalLocale writes a language as the configuration has it: zh, zh_CN and
// zh-Hans are zh-CN, en_US and C are en. Others stay as they are.
func CanonicalLocale(given string) string {
	language, _, _ := strings.Cut(strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(given)), "-")
	switch language {
	case "zh":
		return LocaleChinese
	case "en", "c", "posix":
		return LocaleEnglish
	}
	return given
}

//go:embed example.toml
var example []byte

// Example returns a commented file with every key. What it sets is the default;
// what has none is commented out. The channels' examples are their own.
func Example(channels []setting.Kind) []byte {
	var entries []string
	for _, kind := range channels {
		entries = append(entries, kind.Example)
	}
	return bytes.Replace(example, []byte("@channels\n"), []byte("\n"+strings.Join(entries, "#\n")), 1)
}
