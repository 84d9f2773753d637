package catalog

import (
	"github.com/bilikeeper/bilikeeper/daemon/client"
)

// phrases are the texts of one language. {account}, {who}, {until}, {next},
// {days}, {ends}, {detail}, {channel}, {link}, {promised}, {by} and {n} stand for
// what is told.
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
	channel, channelText                   string
	postponed, postponedText               string
	reminder, reminderText                 string
	short, shortText                       string
	wrongBy                                string
	page                                   string
	// many are the texts of messages for several accounts, by what they tell.
	many map[string]several
	// line is one account of such a message, with what is told of each.
	line, lineWho, lineNext, lineEnds, lineLink string
	// gap parts two sentences.
	gap string

	open, sample, sampleText string
	day, hour                string // layouts of times

	chat chatPhrases
}

// several is a message for several accounts.
type several struct{ title, text, manual string }

// What a message for several accounts can be about, beside the types of events.
const (
	aboutEarly  = "login.required/early"
	aboutEnding = "account.attention/expires"

	aboutPostponed = "account.attention/postponed"
	aboutReminder  = "account.attention/reminder"
)

func english() phrases {
	return phrases{
		chat: englishChat(),

		required:       "{account}: the Bilibili login has died",
		requiredText:   "The site says that the session of {who} is no longer logged in. A code to scan follows.",
		requiredManual: "The site says that the session of {who} is no longer logged in. To log in again, run: bilikeeper login {account}",
		early:          "{account}: a new login is wanted before {ends}",
		earlyText:      "The session of {who} still works, but {detail}.",
		code:           "{account}: scan to log in again",
		codeText:       "Scan this code with the Bilibili app as {who}. It works until {until}. Scan it only if you expect it: it logs this keeper in. On the phone do not choose the 24-hour login (短期登录).",
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
			client.ReasonSite:         "The site blocked or did not answer, so no code could be had or asked about. Nothing was changed.",
		},
		nextAttempt: "The next code comes at {next}.",
		byHand:      "To try at once, run: bilikeeper login {account}",
		attention:   "{account} needs attention",
		ending:      "{account}: the login ends in {days} days",
		endingText:  "The session of {who} ends on {ends} and cannot be refreshed. Log in again before then: bilikeeper login {account}",
		channel:     "The notification channel {channel} does not deliver",
		channelText: "Messages through {channel} do not arrive: {detail}. The keeper goes on trying; what it has to tell comes through the other channels meanwhile.",
		postponed:   "{account}: the next code comes later",
		postponedText: "The code for {who} that was announced for {promised} cannot come then: the site gives none, or other accounts come first. " +
			"It comes as soon as it can, at {next} at the earliest. To try at once, run: bilikeeper login {account}",
		reminder:     "{account}: a login is still needed",
		reminderText: "This is the reminder that was asked for here: {who} still needs a login. For a fresh code send /login {account}.",
		short:        "{account}: this login lasts only until {ends}",
		shortText: "{who} is logged in, but for a short time only: on the phone the 24-hour login (短期登录) was probably chosen. " +
			"For a login that lasts, log in again and leave that choice out: bilikeeper login {account}",
		wrongBy: "The code was scanned by {by}, not by {who}. It was refused and nothing was changed.",
		page:    "A fresh code whenever you open this page, for a day: {link}",
		many: map[string]several{
			client.EventLoginRequired: {
				"{n} accounts: the Bilibili logins have died",
				"The site says that these sessions are no longer logged in. Codes to scan follow, a few at a time; the next one comes as soon as one was scanned.",
				"The site says that these sessions are no longer logged in. To log in again, run for each: bilikeeper login NAME",
			},
			aboutEarly: {"{n} accounts: new logins are wanted", "These sessions still work, but cannot be refreshed any more. Log in again before they end.", ""},
			client.EventLoginFailed: {
				"{n} accounts: the logins did not succeed",
				"Nobody scanned the codes in time; the codes sent so far no longer work. To try at once, run: bilikeeper login NAME", "",
			},
			client.EventLoginSucceeded: {"{n} accounts: logged in", "These accounts are logged in; tools get their new credentials from now on.", ""},
			aboutEnding:                {"{n} accounts: the logins end soon", "These sessions end and cannot be refreshed. Log in again before then: bilikeeper login NAME", ""},
			aboutReminder:              {"{n} accounts: logins are still needed", "This is the reminder that was asked for here. For a fresh code send /login NAME.", ""},
			aboutPostponed: {
				"{n} accounts: the next codes come later",
				"The codes that were announced cannot come at their time: the site gives none, or other accounts come first. They come as soon as they can. To try at once, run: bilikeeper login NAME", "",
			},
		},
		line: "- {account}", lineWho: " ({who})", gap: " ", lineNext: ", next code {next}", lineEnds: ", until {ends}", lineLink: ": {link}",
		open:       "Show the code",
		sample:     "bilikeeper: a test message",
		sampleText: "If you can read this and see a picture, codes will reach you here. The code on it is a sample and logs nobody in.",
		day:        "Jan 2 15:04", hour: "15:04:05",
	}
}

func chinese() phrases {
	return phrases{
		chat: chineseChat(),

		required:       "{account}：B站登录已失效",
		requiredText:   "B站确认 {who} 的登录状态已失效，稍后会发送用于重新登录的二维码。",
		requiredManual: "B站确认 {who} 的登录状态已失效。重新登录请运行：bilikeeper login {account}",
		early:          "{account}：请在 {ends} 之前重新登录",
		earlyText:      "{who} 的登录目前仍然有效，但已无法自动续期。（{detail}）",
		code:           "{account}：请扫码重新登录",
		codeText:       "请用哔哩哔哩 App 以 {who} 的身份扫描此二维码，有效期至 {until}。仅在您预期会收到时扫描：扫码即授权本程序登录。在手机上确认时请勿选择“短期登录”，它只保持 24 小时。",
		succeeded:      "{account}：登录成功",
		succeededText:  "{who} 已重新登录，各工具将取得新的凭据。",
		firstText:      "{who} 已登录，各工具可以取得凭据。",
		revivedText:    "B站重新接受了 {who} 的登录状态，无需任何操作。",
		failed:         "{account}：登录未完成",
		reasons: map[string]string{
			client.ReasonExpired:      "二维码未被及时扫描，此前发送的二维码均已失效。",
			client.ReasonWrongAccount: "扫码的不是 {who} 而是其他账号，已拒绝，未作任何更改。",
			client.ReasonRefused:      "B站撤销了刚刚授予的登录，未作任何更改。",
			client.ReasonUnusable:     "B站已授予登录，但其答复缺少 Cookie，未作任何更改。",
			client.ReasonSite:         "B站拦截了请求或没有响应，无法取得或查询二维码，未作任何更改。",
		},
		nextAttempt:   "下一个二维码将于 {next} 发送。",
		byHand:        "如需立即重试，请运行：bilikeeper login {account}",
		attention:     "{account} 需要处理",
		ending:        "{account}：登录将在 {days} 天后到期",
		endingText:    "{who} 的登录将于 {ends} 到期且无法自动续期，请提前重新登录：bilikeeper login {account}",
		channel:       "通知渠道 {channel} 无法送达",
		channelText:   "通过 {channel} 发送的消息未能送达：{detail}。程序会继续重试；在此期间消息将通过其他渠道发送。",
		reminder:      "{account}：仍需登录",
		reminderText:  "这是此前在这里要求的提醒：{who} 仍需登录。获取新二维码请发送：/login {account}",
		postponed:     "{account}：下一个二维码将推迟",
		postponedText: "原定于 {promised} 为 {who} 发送的二维码无法按时发送：B站未给出二维码，或需先处理其他账号。将尽快发送，最早为 {next}。如需立即重试，请运行：bilikeeper login {account}",
		short:         "{account}：此次登录仅保持至 {ends}",
		shortText:     "{who} 已登录，但有效期很短：在手机上确认时可能选择了“短期登录”（24 小时）。如需长期有效，请重新登录且不要选择该项：bilikeeper login {account}",
		wrongBy:       "扫码的是 {by}，而不是 {who}，已拒绝，未作任何更改。",
		page:          "打开此页面即可随时获取新的二维码，一天内有效：{link}",
		many: map[string]several{
			client.EventLoginRequired: {
				"{n} 个账号的B站登录已失效",
				"B站确认以下账号的登录状态已失效。二维码会分批发送；扫完一个，下一个随即发送。",
				"B站确认以下账号的登录状态已失效。重新登录请逐个运行：bilikeeper login 账号名",
			},
			aboutEarly: {"{n} 个账号需要重新登录", "以下登录目前仍然有效，但已无法自动续期，请在到期之前重新登录。", ""},
			client.EventLoginFailed: {
				"{n} 个账号的登录未完成",
				"二维码未被及时扫描，此前发送的二维码均已失效。如需立即重试，请运行：bilikeeper login 账号名", "",
			},
			client.EventLoginSucceeded: {"{n} 个账号登录成功", "以下账号已登录，各工具将取得新的凭据。", ""},
			aboutEnding:                {"{n} 个账号的登录即将到期", "以下登录即将到期且无法自动续期，请提前重新登录：bilikeeper login 账号名", ""},
			aboutReminder:              {"{n} 个账号仍需登录", "这是此前在这里要求的提醒。获取新二维码请发送：/login 账号名", ""},
			aboutPostponed: {
				"{n} 个账号：下一个二维码将推迟",
				"已预告的二维码无法按时发送：B站未给出二维码，或需先处理其他账号。将尽快发送。如需立即重试，请运行：bilikeeper login 账号名", "",
			},
		},
		line: "- {account}", lineWho: "（{who}）", lineNext: "，下一个二维码 {next}", lineEnds: "，有效期至 {ends}", lineLink: "：{link}",
		open:       "显示二维码",
		sample:     "bilikeeper：测试消息",
		sampleText: "如果您能看到这段文字和图片，二维码就能发送到这里。图中的二维码仅为示例，扫描它不会登录任何账号。",
		day:        "1月2日 15:04", hour: "15:04:05",
	}
}
