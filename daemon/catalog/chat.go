package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// Chat words the answers to what people ask in a chat.
type Chat struct {
	chatPhrases
	day, hour string
}

// chatPhrases are the answers of one language. {account}, {who}, {until} and
// {detail} stand for what is told.
type chatPhrases struct {
	help, foreign, newCode, morning string
	reminded, noneWaits, noCode     string
	none, more                      string
	states                          map[string]string
	checked, needsCode              string
	unknown, which                  string
	code, scanned, alive, spent     string
	ok, dead, blocked, away, failed string
}

// Chat returns the words of the catalog's language.
func (c Catalog) Chat() Chat { return Chat{c.chat, c.day, c.hour} }

func englishChat() chatPhrases {
	return chatPhrases{
		help:    "Ask me:\n/status – how the accounts are\n/login NAME – a code to scan\n/check NAME – ask the site now\n/remind NAME – remind me in the morning",
		foreign: "This bot answers in another chat only.",
		newCode: "New code", morning: "Remind me in the morning",
		reminded:  "A reminder of {detail} comes here at {until}; until then no codes come here by themselves.",
		noneWaits: "There is nothing to be reminded of: no login is needed.",
		noCode:    "{account}: the site gives no code just now. Ask again in a minute.",
		none:      "There is no account here.", more: "… and {n} more",
		states: map[string]string{
			client.StateNew: "never logged in", client.StateValid: "logged in", client.StateNeedsLogin: "needs a login", client.StateLoggingIn: "a login is under way",
		},
		checked: "checked {until}", needsCode: "/login {account}",
		unknown: "There is no account {account} here.",
		which:   "Which account? There are: {detail}",
		code:    "Scan this code with the Bilibili app as {who}. It works until {until}. On the phone do not choose the 24-hour login (短期登录).",
		scanned: "The code for {account} was scanned already; the rest happens on the phone.",
		alive:   "{account} is logged in; no code is needed.",
		spent:   "Enough codes for {account} in this hour; the next one can be asked for at {until}.",
		ok:      "{account}: logged in, the site says so.",
		dead:    "{account}: the site says that the session is dead. Log in again: /login {account}",
		blocked: "{account}: the site blocks questions just now; nothing is known to be lost. Asked again at {until}.",
		away:    "{account}: the site cannot be reached just now; nothing is known to be lost. Asked again at {until}.",
		failed:  "{account}: that did not work: {detail}",
	}
}

func chineseChat() chatPhrases {
	return chatPhrases{
		help:    "可以这样问我：\n/status – 查看各账号状态\n/login 账号 – 获取登录二维码\n/check 账号 – 立即向B站查询\n/remind 账号 – 早上再提醒我",
		foreign: "此机器人只在另一个会话中应答。",
		newCode: "获取新二维码", morning: "早上再提醒我",
		reminded:  "将于 {until} 在此提醒：{detail}。在此之前不会主动发送二维码。",
		noneWaits: "没有需要提醒的事：目前无需登录。",
		noCode:    "{account}：B站暂时未给出二维码，请一分钟后再试。",
		none:      "这里还没有账号。", more: "……另有 {n} 个",
		states: map[string]string{
			client.StateNew: "从未登录", client.StateValid: "已登录", client.StateNeedsLogin: "需要登录", client.StateLoggingIn: "正在登录",
		},
		checked: "检查于 {until}", needsCode: "/login {account}",
		unknown: "这里没有账号 {account}。",
		which:   "哪个账号？现有：{detail}",
		code:    "请用哔哩哔哩 App 以 {who} 的身份扫描此二维码，有效期至 {until}。在手机上确认时请勿选择“短期登录”，它只保持 24 小时。",
		scanned: "{account} 的二维码已被扫描，请在手机上继续。",
		alive:   "{account} 已登录，无需二维码。",
		spent:   "{account} 在一小时内获取的二维码已达上限，{until} 之后可再次获取。",
		ok:      "{account}：B站确认已登录。",
		dead:    "{account}：B站确认登录已失效。重新登录：/login {account}",
		blocked: "{account}：B站暂时拒绝查询，登录未必失效。将于 {until} 再次查询。",
		away:    "{account}：暂时无法连接B站，登录未必失效。将于 {until} 再次查询。",
		failed:  "{account}：操作失败：{detail}",
	}
}

// Help says what can be asked.
func (c Chat) Help() string { return c.help }

// Foreign is for somebody in a chat that is not answered.
func (c Chat) Foreign() string { return c.foreign }

// NewCode is the text of a button that brings a fresh code.
func (c Chat) NewCode() string { return c.newCode }

// Morning is the text of a button that asks to be reminded in the morning.
func (c Chat) Morning() string { return c.morning }

// Reminded says when the reminder of some accounts comes.
func (c Chat) Reminded(names []string, at time.Time) string {
	return strings.NewReplacer("{detail}", strings.Join(names, ", "), "{until}", zoned(at, c.day)).Replace(c.reminded)
}

// NoneWaits is for a reminder of nothing.
func (c Chat) NoneWaits() string { return c.noneWaits }

// longest is how many accounts one answer lists.
const longest = 40

// Status tells how accounts are, those that need a person first.
func (c Chat) Status(list []client.Account) string {
	if len(list) == 0 {
		return c.none
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b client.Account) int { return urgency(a) - urgency(b) })
	var lines []string
	for i, a := range list {
		if i == longest {
			lines = append(lines, strings.ReplaceAll(c.more, "{n}", fmt.Sprint(len(list)-longest)))
			break
		}
		lines = append(lines, c.line(a))
	}
	return strings.Join(lines, "\n")
}

func urgency(a client.Account) int {
	return slices.Index([]string{client.StateNeedsLogin, client.StateLoggingIn, client.StateNew, client.StateValid}, a.State)
}

func (c Chat) line(a client.Account) string {
	line := a.Name
	if a.Uname != "" && a.Uname != a.Name {
		line += " (" + a.Uname + ")"
	}
	line += ": " + c.states[a.State]
	switch {
	case a.State != client.StateValid:
		line += ", " + c.fill(c.needsCode, a, time.Time{}, "")
	case a.CheckedAt != nil:
		line += ", " + strings.ReplaceAll(c.checked, "{until}", zoned(*a.CheckedAt, c.day))
	}
	return line
}

// Unknown is for a name that is no account's; Which lists those that there are.
func (c Chat) Unknown(name string) string { return strings.ReplaceAll(c.unknown, "{account}", name) }

// Which asks for the name of an account.
func (c Chat) Which(names []string) string {
	if len(names) == 0 {
		return c.none
	}
	return strings.ReplaceAll(c.which, "{detail}", strings.Join(names, ", "))
}

// Code goes with a code, Scanned with one that somebody has scanned.
func (c Chat) Code(a client.Account, expires time.Time) string {
	return c.fill(c.code, a, expires, "")
}

// Scanned is for a code that somebody has scanned.
func (c Chat) Scanned(a client.Account) string { return c.fill(c.scanned, a, time.Time{}, "") }

// Alive is for a code that is not needed any more.
func (c Chat) Alive(a client.Account) string { return c.fill(c.alive, a, time.Time{}, "") }

// Spent says that too many codes were asked for.
func (c Chat) Spent(a client.Account, until time.Time) string { return c.fill(c.spent, a, until, "") }

// Failed tells of what could not be done.
func (c Chat) Failed(a client.Account, err error) string {
	return c.fill(c.failed, a, time.Time{}, err.Error())
}

// Checked tells what a check came to.
func (c Chat) Checked(r client.CheckResult) string {
	text, until := c.ok, time.Time{}
	switch r.Outcome {
	case client.CheckDead:
		text = c.dead
	case client.CheckBlocked:
		text = c.blocked
	case client.CheckUnreachable:
		text = c.away
	}
	for _, at := range []*time.Time{r.Account.BlockedUntil, r.Account.NextCheckAt} {
		if at != nil && until.IsZero() {
			until = *at
		}
	}
	return c.fill(text, r.Account, until, "")
}

// NoCode is for a code that the site does not give.
func (c Chat) NoCode(a client.Account) string { return c.fill(c.noCode, a, time.Time{}, "") }

func (c Chat) fill(text string, a client.Account, until time.Time, detail string) string {
	who := cmp.Or(a.Uname, a.Name)
	return strings.NewReplacer("{account}", a.Name, "{who}", who, "{until}", zoned(until, c.hour), "{detail}", detail).Replace(text)
}
