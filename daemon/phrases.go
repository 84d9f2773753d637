package daemon

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/config"
)

// phrases are the texts of messages to people, in one language. {account},
// {who}, {until}, {next}, {days}, {ends} and {detail} stand for what the event
// brings.
type phrases struct {
	required, requiredText, requiredManual string
	early, earlyText                       string
	code, codeText                         string
	succeeded, succeededText               string
	revivedText, firstText                 string
	failed                                 string
	reasons                                map[string]string
	nextAttempt, byHand                    string
	attention                              string
	ending, endingText                     string
	open, page                             string
	clock                                  string
}

func english() phrases {
	return phrases{
		required:       "{account}: the Bilibili login has died",
		requiredText:   "The site says that the session of {who} is no longer logged in. A code to scan follows.",
		requiredManual: "The site says that the session of {who} is no longer logged in. To log in again, run: bilikeeper login {account}",
		early:          "{account}: a new login is wanted before {ends}",
		earlyText:      "The session of {who} still works, but {detail}",
		code:           "{account}: scan to log in again",
		codeText:       "Scan this code with the Bilibili app as {who}. It works until {until}. Scan it only if you expect it: it logs this keeper in.",
		succeeded:      "{account}: logged in",
		succeededText:  "{who} is logged in again; tools get the new credential from now on.",
		firstText:      "{who} is logged in; tools get the credential from now on.",
		revivedText:    "The site accepts the session of {who} again; nothing needs to be done.",
		failed:         "{account}: the login did not succeed",
		reasons: map[string]string{
			client.ReasonExpired:      "Nobody scanned the code in time; the codes sent so far no longer work.",
			client.ReasonWrongAccount: "The code was scanned by another account than {who}. It was refused and nothing was changed.",
			client.ReasonRefused:      "The site took back the login that it had just granted. Nothing was changed.",
			client.ReasonUnusable:     "The site granted the login, but its answer lacked the cookies. Nothing was changed.",
			client.ReasonSite:         "The site gave no new code. Nothing was changed.",
		},
		nextAttempt: "The next code comes at {next}.",
		byHand:      "To try at once, run: bilikeeper login {account}",
		attention:   "{account} needs attention",
		ending:      "{account}: the login ends in {days} days",
		endingText:  "The session of {who} ends on {ends} and cannot be refreshed. Log in again before then: bilikeeper login {account}",
		open:        "Show the code",
		page:        "A fresh code whenever you open this page, for a day: {link}",
		clock:       "Jan 2 15:04",
	}
}

func chinese() phrases {
	return phrases{
		required:       "{account}:B站登录已失效",
		requiredText:   "B站确认 {who} 的登录状态已失效,稍后会发送用于重新登录的二维码。",
		requiredManual: "B站确认 {who} 的登录状态已失效。重新登录请运行:bilikeeper login {account}",
		early:          "{account}:请在 {ends} 之前重新登录",
		earlyText:      "{who} 的登录目前仍然有效,但已无法自动续期。({detail})",
		code:           "{account}:请扫码重新登录",
		codeText:       "请用哔哩哔哩 App 以 {who} 的身份扫描此二维码,有效期至 {until}。仅在您预期会收到时扫描:扫码即授权本程序登录。",
		succeeded:      "{account}:登录成功",
		succeededText:  "{who} 已重新登录,各工具将取得新的凭据。",
		firstText:      "{who} 已登录,各工具可以取得凭据。",
		revivedText:    "B站重新接受了 {who} 的登录状态,无需任何操作。",
		failed:         "{account}:登录未完成",
		reasons: map[string]string{
			client.ReasonExpired:      "二维码未被及时扫描,此前发送的二维码均已失效。",
			client.ReasonWrongAccount: "扫码的不是 {who} 而是其他账号,已拒绝,未作任何更改。",
			client.ReasonRefused:      "B站撤销了刚刚授予的登录,未作任何更改。",
			client.ReasonUnusable:     "B站已授予登录,但其答复缺少 Cookie,未作任何更改。",
			client.ReasonSite:         "B站未给出新的二维码,未作任何更改。",
		},
		nextAttempt: "下一个二维码将于 {next} 发送。",
		byHand:      "如需立即重试,请运行:bilikeeper login {account}",
		attention:   "{account} 需要处理",
		ending:      "{account}:登录将在 {days} 天后到期",
		endingText:  "{who} 的登录将于 {ends} 到期且无法自动续期,请提前重新登录:bilikeeper login {account}",
		open:        "显示二维码",
		page:        "打开此页面即可随时获取新的二维码,一天内有效:{link}",
		clock:       "1月2日 15:04",
	}
}

func (k *Keeper) phrases() phrases {
	if locale(k.settings.Load().Locale) == config.LocaleChinese {
		return chinese()
	}
	return english()
}

// locale resolves "auto" by the environment, as other programs do.
func locale(configured string) string {
	if configured != config.LocaleAuto && configured != "" {
		return configured
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "zh") {
				return config.LocaleChinese
			}
			break
		}
	}
	return config.LocaleEnglish
}

// write returns the title and the text of an event, with the login page's
// address where there is one.
func (p phrases) write(e client.Event, data told, r *record, link string) (title, text string) {
	title, text = p.plain(e, data, r)
	if link != "" && (e.Type == client.EventLoginRequired || e.Type == client.EventLoginCode || e.Type == client.EventLoginFailed) {
		text += " " + strings.ReplaceAll(p.page, "{link}", link)
	}
	return title, text
}

// plain is write without the login page.
func (p phrases) plain(e client.Event, data told, r *record) (title, text string) {
	var until time.Time
	if r.Login != nil {
		until = r.Login.CodeExpires
	}
	who := r.Name
	if r.Uname != "" {
		who = r.Uname
	}
	fill := strings.NewReplacer("{account}", r.Name, "{who}", who, "{detail}", data.Detail,
		"{days}", strconv.Itoa(data.Days), "{ends}", data.ExpiresAt.Local().Format(p.clock),
		"{until}", until.Local().Format("15:04:05"), "{next}", data.NextAttempt.Local().Format(p.clock)).Replace
	switch e.Type {
	case client.EventLoginRequired:
		if data.Early {
			return fill(p.early), fill(p.earlyText)
		}
		if data.Auto {
			return fill(p.required), fill(p.requiredText)
		}
		return fill(p.required), fill(p.requiredManual)
	case client.EventLoginCode:
		return fill(p.code), fill(p.codeText)
	case client.EventLoginSucceeded:
		if data.Revived {
			return fill(p.succeeded), fill(p.revivedText)
		}
		if data.Generation == 1 {
			return fill(p.succeeded), fill(p.firstText)
		}
		return fill(p.succeeded), fill(p.succeededText)
	case client.EventLoginFailed:
		text := p.reasons[data.Reason]
		if !data.NextAttempt.IsZero() {
			text += " " + p.nextAttempt
		}
		return fill(p.failed), fill(text + " " + p.byHand)
	default:
		if data.Reason == "expires" {
			return fill(p.ending), fill(p.endingText)
		}
		return fill(p.attention), data.Detail
	}
}
