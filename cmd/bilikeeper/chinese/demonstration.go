package chinese

// demonstration are the texts of the demo.
var demonstration = area{
	{"Show an account's whole life in half a minute, offline, and leave nothing behind", "用半分钟离线演示一个账号的一生，不留任何痕迹"},
	{`Shows an account's whole life: a login by QR, a check, a refresh, the session's
death, the pushed code, the scan, the recovery. Everything is real but the site, which is a
simulator on this machine, and the phone. With --json it streams the keeper's
events instead.`, `演示一个账号的一生：扫码登录、检查、轮换、登录失效、推送二维码、扫码、恢复。除
了 B 站和手机是本机上的模拟器，其余都是真实的。加上 --json 则改为逐行输出
keeper 的事件。`},
	{"make a temporary directory: %w", "创建临时目录：%w"},
	{"make a phone: %w", "启动模拟的手机：%w"},
	{"the phone waited for %s in vain: %w", "手机没有等到 %s：%w"},
	{"the account did not become %s: %w", "账号没有变为 %s：%w"},
	{"the check of a live session said %s (%s)", "对有效登录的检查结果是 %s（%s）"},
	{"the check of a dead session said %s (%s)", "对失效登录的检查结果是 %s（%s）"},

	{"bilikeeper keeps a Bilibili login alive. Here is one account's life, in fast motion.", "bilikeeper 让哔哩哔哩的登录保持有效。下面快进演示一个账号的一生。"},
	{"The site is a simulator on this machine, and so is the phone; the keeper is the real one, with a sealed vault in a temporary directory. Nothing leaves this machine.", "B 站和手机都是本机上的模拟器；keeper 是真实的，它的加密保险库在临时目录中。没有任何数据离开本机。"},
	{"That was all. The temporary directory is gone, and nothing else was written.", "演示到此结束。临时目录已删除，没有写过其他文件。"},
	{"To do it for real: bilikeeper daemon, and in another terminal bilikeeper login main", "正式使用：bilikeeper daemon，然后在另一个终端里运行 bilikeeper login main"},
	{"A person logs in by scanning a code: bilikeeper login %s", "有人扫码登录：bilikeeper login %s"},
	{"logged in as %s, mid %d; saved and fsynced before anything else was asked", "已登录为 %s，mid %d；先写入磁盘，再做其他事情"},
	{"A tool reads the cookie: bilikeeper get %s", "工具读取 Cookie：bilikeeper get %s"},
	{"The keeper asks the site now and then whether the session lives: bilikeeper check %s", "keeper 不时询问 B 站登录是否有效：bilikeeper check %s"},
	{"it does; the next check is due %s, and every 8 hours from then on", "有效；下一次检查在%s，此后每 8 小时一次"},
	{"Weeks later the site says that the credential is due: bilikeeper refresh %s", "几周之后，B 站要求轮换凭据：bilikeeper refresh %s"},
	{"%s: the new pair was saved, proven and handed out before the old one was given up", "%s：新凭据保存、验证并交付之后，才放弃旧的"},
	{"Far away, the site ends the session. The keeper notices at its next check.", "B 站那边结束了登录。keeper 在下一次检查时发现。"},
	{"  The site had to say so twice, %.0f s apart; a site that is down or blocks never counts.", "  B 站必须确认两次，相隔 %.0f 秒；宕机或拦截绝不算数。"},
	{"The keeper starts a login by itself and pushes the code to the phone.", "keeper 自动发起登录，把二维码推送到手机。"},
	{"  with a picture of %d bytes for phones that show one", "  并附有 %d 字节的图片，供能显示图片的手机使用"},
	{"The person scans it and taps on the phone.", "用户扫码，并在手机上确认。"},
	{"%s is back; the tools get the new cookie:", "%s 恢复了，工具拿到新的 Cookie："},
	{"and the phone is told that the matter is over", "并告知手机事情已经解决"},
	{"  the phone scans ...", "  手机扫码……"},
	{"  ... and confirms", "  ……并确认"},
}
