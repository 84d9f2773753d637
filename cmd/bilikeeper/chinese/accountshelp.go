package chinese

// accountsHelp is the help of the commands that work with accounts.
var accountsHelp = area{
	{"Ask the site now whether the sessions live", "立即询问 B 站登录是否有效"},
	{`Asks the site now whether the sessions live; all accounts when none is named.

When the site denies a session, it is asked a second time after
check.confirm_after before anybody believes it, and the command waits for that.
Several accounts are asked about side by side, and shown as the answers come.
While the site is to be left alone the command answers 6 without asking.`, `立即询问 B 站登录是否有效；不指定账号时检查所有账号。

B 站否认某个登录时，会在 check.confirm_after 之后再问一次，确认后才采信，此命令
会等到那时。多个账号同时询问，得到答复即显示。暂不打扰 B 站期间，此命令不询问，
直接以 6 退出。`},
	{"ask even while the site is to be left alone", "即使在暂不打扰 B 站期间也询问"},

	{"Run a command with the credential in its environment", "在环境变量中带上凭据运行命令"},
	{`Runs a command with BILIBILI_COOKIE, BILIBILI_SESSDATA, BILIBILI_JCT, BILIBILI_UID
and BILIBILI_BUVID3 in its environment. The argument {cookies} becomes the path
of a private cookies.txt that lives as long as the command does: yt-dlp rewrites
the file that it is given. The command's exit code is returned; 127 where there is
no such program, 126 where it cannot be run.

With --watch the command is started again when the credential changes: the new
one is fetched first, then the command and what it started get SIGTERM, and
after --grace SIGKILL. It ends when the command ends by itself. A keeper that is
away, or a session that dies, stops nothing. With --tag the account that was taken
first is followed. The command reads nothing from the terminal then.`, `运行一条命令，其环境变量中带有 BILIBILI_COOKIE、BILIBILI_SESSDATA、
BILIBILI_JCT、BILIBILI_UID 和 BILIBILI_BUVID3。参数 {cookies} 会替换为一个私有
cookies.txt 的路径，它随命令结束而消失：yt-dlp 会改写它拿到的文件。退出码与该命
令相同；没有这个程序时为 127，无法运行时为 126。

使用 --watch 时，凭据变化后会重新启动该命令：先取得新的凭据，再向命令及其启动的
进程发送 SIGTERM，超过 --grace 则发送 SIGKILL。命令自行结束时随之结束。keeper 离
开或登录失效不会停止任何进程。使用 --tag 时跟随最初取得的账号。此时命令不从终端
读取内容。`},
	{"start the command again when the credential changes", "凭据变化时重新启动命令"},
	{"with --watch: the time between SIGTERM and SIGKILL", "与 --watch 一起使用：SIGTERM 与 SIGKILL 之间的时间"},

	{"Show and change an account's settings", "显示和修改账号的设置"},
	{`Shows and changes the settings of one account. The keeper keeps them beside the
credential. What the configuration file says of an account in [[account]] wins,
and cannot be set here.`, `显示和修改单个账号的设置，keeper 把它们与凭据一起保存。配置文件在 [[account]] 中所
写的优先，不能在此处修改。`},
	{"Show when an account is checked, its tags, and whether it is paused", "显示账号的检查计划、标签，以及是否暂停"},
	{"Change when an account is checked, its tags, or whether it is paused", "修改账号的检查计划、标签，或暂停它"},
	{`Changes when an account is checked, its tags, or whether it is paused. A setting
whose flag is not given stays as it is.

A paused account is left alone: it is not checked, refreshed or logged in to by
itself. bilikeeper check, refresh and login do so all the same, and get goes on
handing out its credential.`, `修改账号的检查计划、标签，或暂停它。没有用参数指定的设置保持不变。

暂停的账号不会自动检查、轮换或登录。bilikeeper check、refresh 和 login 仍会照
做，get 也继续提供它的凭据。`},
	{"when it is checked, as in check.schedule; empty is that of all accounts", "何时检查，写法同 check.schedule；空为与所有账号相同"},
	{"its `tags`, with commas between them; empty is none", "它的标签 `tags`，以逗号分隔；空为没有标签"},
	{"leave the account alone", "暂停该账号"},
	{"go on with it", "恢复该账号"},

	{"Print the credential for a tool to use", "输出凭据，供工具使用"},
	{"write it to a `file`, 0600, as a whole, in place of standard output", "完整写入 `file`（权限 0600），而不是标准输出"},
	{"include the refresh token", "包含刷新令牌"},
	{"print it even when the session is known to be dead", "即使已知登录失效也输出"},

	{"Take over an existing login from a browser or another tool", "接管浏览器或其他工具里已有的登录"},
	{`Takes over an existing login from a file or from standard input, asks the site
whose it is, and says whether it can be refreshed.

Formats: a Cookie header, cookies.txt (netscape), the json of bilikeeper get,
bilibili-api's credential, biliup's cookies.json, what a browser's cookie
extensions write, a request copied from its developer tools or recorded there
(HAR), and the settings of the tools that get has formats for. auto finds out by
itself.

For a session that can be refreshed, add the refresh token: in the browser's
console, localStorage.ac_time_value; append it as ac_time_value=... to the
header. A login that a browser goes on using is refreshed by the browser, which
ends the one kept here: a login of the keeper's own lives longer.`, `从文件或标准输入接管已有的登录，询问 B 站它属于谁，并告知能否续期。

格式：Cookie 请求头、cookies.txt（netscape）、bilikeeper get 输出的 json、
bilibili-api 的凭据、biliup 的 cookies.json、浏览器 Cookie 扩展导出的文件、从开
发者工具复制的请求或录制的 HAR，以及 get 所支持的各工具的设置。
auto 会自动识别。

要让登录能够续期，请加上刷新令牌：在浏览器控制台中取
localStorage.ac_time_value，以 ac_time_value=... 的形式附在请求头后面。如果浏览
器继续使用同一个登录，浏览器会自行刷新它，这里的那一份就会失效；让 keeper 拥有
自己单独的登录，寿命更长。`},
	{"the account's `name` here", "账号在此处的名字 `name`"},
	{"auto, header, netscape, json, bilibili-api, biliup, ...", "auto、header、netscape、json、bilibili-api、biliup 等"},
	{"also in the place of a login that can be refreshed, or of another user's", "也允许取代可以续期的登录，或其他用户的登录"},

	{"Log an account in, by scanning a code or by SMS", "登录账号：扫描二维码或使用短信"},
	{`Shows a QR code to scan with the Bilibili app, follows the scan, and replaces the
code when it expires. ACCOUNT is a name of your own, "default" if none is given;
a new name adds an account. If a login of the account is already in progress,
for example one that the keeper began by itself, its code is shown.

With --method sms the site sends a code to a phone, after a captcha that you
solve: on the login page where the keeper serves one, else by typing in what the
captcha's widget returned. --site intl logs in to bilibili.tv, whose accounts are
separate and whose sessions cannot be refreshed.`, `显示二维码，供哔哩哔哩 App 扫描，跟踪扫码过程，过期时自动更换。ACCOUNT 是您自己
起的名字，不写则为 "default"；新的名字会添加一个账号。如果该账号的登录已在进
行，例如由 keeper 自动发起的，就显示那一次的二维码。

使用 --method sms 时，完成人机验证之后 B 站会向手机发送验证码：keeper 提供登录
页时在页面上验证，否则输入极验返回的内容。--site intl 登录 bilibili.tv，它的账
号是独立的，登录也无法续期。`},
	{"web or intl", "web 或 intl"},
	{"qr or sms", "qr 或 sms"},
	{"keep the code's picture in a `file` (PNG, 0600) while it works", "二维码有效期间把图片保存到 `file`（PNG，权限 0600）"},

	{"Rotate the credential now, if the site says that it is due", "在 B 站要求时立即轮换凭据"},
	{`Rotates the credential now, if the site says that it is due. The keeper does so by
itself; this is for those who do not want to wait.

The old credential works until the new one is saved, proven and handed out, and
for a moment longer. A failure at any step leaves one of them in use.`, `在 B 站要求时立即轮换凭据。keeper 会自动轮换，此命令供不想等待的人使用。

新凭据保存、验证并交付之前，以及此后的片刻，旧凭据一直可用。任何一步失败，都至
少有一份凭据可用。`},
	{"rotate even if it is not due; at most limits.refreshes_per_hour times", "即使 B 站没有要求也轮换；每小时最多 limits.refreshes_per_hour 次"},

	{"End the session at the site, then forget the account", "在 B 站退出登录，然后忘记该账号"},
	{"Remove an account from the keeper; its session at the site lives on", "从 keeper 中删除账号；它在 B 站的登录仍然有效"},

	{"take one of the accounts with this `tag`, one that lives", "从带有标签 `tag` 的账号中取一个有效的"},
	{"with --tag: round-robin or random", "与 --tag 一起使用：round-robin（轮流）或 random（随机）"},
	{"wait for a living session, as --wait=10m for no longer than that", "等待登录有效；--wait=10m 表示最多等这么久"},

	{"Show what the keeper knows, without asking the site", "显示 keeper 已知的状态，不询问 B 站"},
	{`Shows what the keeper knows, without asking the site. With --watch it stays on
the screen and follows what changes; elsewhere than on a terminal, and with
--json, it is written anew at each change.`, `显示 keeper 已知的状态，不询问 B 站。加上 --watch 会持续显示并随变化更新；不在
终端上时，以及使用 --json 时，每次变化都重新输出。`},
	{"keep it on the screen", "持续显示"},

	{"Wait until an account is in a state, for scripts", "等待账号进入某个状态，供脚本使用"},
	{"new, valid, needs_login or logging_in", "new、valid、needs_login 或 logging_in"},
	{"give up after this long (0 = never)", "超过这个时间就放弃（0 为一直等待）"},
}
