package chinese

// accountPage are the texts of the commands about the account page.
var accountPage = area{
	{"Sign browsers in to the account page, and out", "让浏览器登录或退出账号页"},
	{"Print a link that signs a browser in to the account page", "打印一个让浏览器登录账号页的链接"},
	{`Prints a link that signs one browser in to the account page. It is good once, and
for ten minutes. Whoever opens it first may do there what page.may allows.`, `打印一个让一个浏览器登录账号页的链接。只能使用一次，十分钟内有效。最先打开它的人
可以在那里做 page.may 允许的事。`},
	{"Show the browsers that are signed in", "列出已登录的浏览器"},
	{"Sign a browser out", "让一个浏览器退出登录"},
	{"the ID of a session, as bilikeeper page sessions shows it", "会话的 ID，见 bilikeeper page sessions"},
	{"The browser is signed out.", "该浏览器已退出登录。"},
	{"It is good once, until %s.", "只能使用一次，%s 之前有效。"},
	{"No browser is signed in. bilikeeper page link prints a link that signs one in.", "没有已登录的浏览器。bilikeeper page link 会打印一个登录链接。"},
	{"ID", "ID"},
	{"BY", "方式"},
	{"SIGNED IN", "登录于"},
	{"LAST SEEN", "最近访问"},
	{"ENDS", "失效"},
	{"ADDRESS", "地址"},
	{"BROWSER", "浏览器"},
}
