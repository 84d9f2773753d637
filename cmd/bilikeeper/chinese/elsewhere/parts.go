package elsewhere

// parts are the texts that came with the account page, the copies of the vault and secrets of other forms.
var parts = Area{
	{"run: openssl rand -base64 12", "请运行：openssl rand -base64 12"},
	{"\"get\" is never allowed: no credential leaves by the page", "\"get\" 绝不允许：凭据不会经由页面流出"},
	{"remove it; programs read a file, the socket or [serve]", "请去掉它；程序应当读取文件、套接字或 [serve]"},
	{"lacks \"status\", without which there is nothing to see", "缺少 \"status\"，没有它就什么也看不到"},
	{"add \"status\", or write [] for no account page", "请加上 \"status\"，或写 [] 表示不提供账号页"},
	{"page.listen is not set: there is no account page that page.password_file would sign in to", "没有设置 page.listen：没有可以用 page.password_file 登录的账号页"},
	{"write \"24h\", or \"0s\" for no copies", "请写 \"24h\"，或写 \"0s\" 表示不制作副本"},
	{"write \"{{.Account}}: …\"; docs/notifiers.md lists the fields", "请写 \"{{.Account}}: …\"；字段见 docs/notifiers.md"},
	{"docs/outputs-and-tools.md shows what it can hold", "可用的内容见 docs/outputs-and-tools.md"},
	{"output %s is left out: %w", "输出 %s 已被略过：%w"},
	{"is no plain text", "不是纯文本"},
	{"save it as UTF-8, with the secret alone in it", "请存为 UTF-8，其中只写密钥"},
	{"holds quotes around the secret", "密钥带有引号"},
	{"write it without them", "请去掉引号"},
	{"put the secret alone into it, without blanks", "请只写密钥，不要有空格"},
	{"%s cannot be an account's name: letters and digits of any script, dot, dash and underscore, at most 64; no dash in front, no dot at either end, none of Windows' devices", "%s 不能作为账号名：可以用任何文字的字母和数字、点、短横线和下划线，最多 64 个；不能以短横线开头，首尾不能是点，也不能是 Windows 的设备名"},
}
