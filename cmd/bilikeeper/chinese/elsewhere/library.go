package elsewhere

// library are the texts of the command line's library that take no values.
var library = Area{
	{"Usage:", "用法："},
	{"Aliases:", "别名："},
	{"Examples:", "示例："},
	{"Available Commands:", "可用命令："},
	{"Additional Commands:", "其他命令："},
	{"Flags:", "参数："},
	{"Global Flags:", "全局参数："},
	{"Additional help topics:", "其他帮助主题："},
	{`Use "{{.CommandPath}} [command] --help" for more information about a command.`, `运行 "{{.CommandPath}} [command] --help" 查看某个命令的详细说明。`},
	{"(default ", "(默认 "},

	{"Help about any command", "显示任一命令的帮助"},
	{"Generate the autocompletion script for the specified shell", "为指定的 shell 生成自动补全脚本"},
	{"disable completion descriptions", "补全时不显示说明"},
	{"Generate the autocompletion script for powershell", "为 powershell 生成自动补全脚本"},
}

// helpFormats are those of the help that take values: the library's, and ours.
var helpFormats = Area{
	{"help for %s", "%s 的帮助"},
	{"version for %s", "%s 的版本"},
	{"Generate the autocompletion script for %s", "为 %s 生成自动补全脚本"},
	{`Help provides help for any command in the application.
Simply type %s help [path to command] for full details.`, `显示本程序任一命令的帮助。
运行 %s help [命令] 查看完整说明。`},
	{`Generate the autocompletion script for %s for the specified shell.
See each sub-command's help for details on how to use the generated script.
`, `为指定的 shell 生成 %s 的自动补全脚本。
脚本的用法见各子命令的帮助。
`},
	{`Generate the autocompletion script for the bash shell.

This script depends on the 'bash-completion' package.
If it is not installed already, you can install it via your OS's package manager.

To load completions in your current shell session:
%s
To load completions for every new session, execute once:
%s
You will need to start a new shell for this setup to take effect.
`, `为 bash 生成自动补全脚本。

此脚本依赖 bash-completion 软件包。
如果尚未安装，可以用操作系统的包管理器安装。

在当前的 shell 会话中启用补全：
%s
在此后的每个会话中启用补全，只需执行一次：
%s
启动新的 shell 后生效。
`},
	{`Generate the autocompletion script for the zsh shell.

If shell completion is not already enabled in your environment you will need
to enable it.  You can execute the following once:
%s
To load completions in your current shell session:
%s
To load completions for every new session, execute once:
%s
You will need to start a new shell for this setup to take effect.
`, `为 zsh 生成自动补全脚本。

如果您的环境还没有启用补全，需要先启用，只需执行一次：
%s
在当前的 shell 会话中启用补全：
%s
在此后的每个会话中启用补全，只需执行一次：
%s
启动新的 shell 后生效。
`},
	{`Generate the autocompletion script for the fish shell.

To load completions in your current shell session:
%s
To load completions for every new session, execute once:
%s
You will need to start a new shell for this setup to take effect.
`, `为 fish 生成自动补全脚本。

在当前的 shell 会话中启用补全：
%s
在此后的每个会话中启用补全，只需执行一次：
%s
启动新的 shell 后生效。
`},
	{`Generate the autocompletion script for powershell.

To load completions in your current shell session:
%s
To load completions for every new session, add the output of the above command
to your powershell profile.
`, `为 powershell 生成自动补全脚本。

在当前的 shell 会话中启用补全：
%s
要在此后的每个会话中启用补全，请把上述命令的输出加入您的 powershell 配置文件。
`},
	{`Prints the credential of an account, as fresh as the keeper has it.

Formats: header    name=value; name=value;   for a Cookie header
         json      everything, with the cookies' attributes
         netscape  cookies.txt for yt-dlp, curl, wget, streamlink, gallery-dl
         env       BILIBILI_...='...' lines, safe to eval in a POSIX shell
         and what these tools read: %s

The refresh token is left out unless it is asked for: a tool that holds it
refreshes on its own and thereby logs the keeper out. header and netscape have
no place for it.

With --tag, one of the accounts with that tag is taken, of those that live: by
turns, or at random. --json and the formats that name the account tell which.
With --wait it waits for the keeper, the account and a living session; a time
is written --wait=10m.`, `输出账号的凭据，总是 keeper 手中最新的。

格式：   header    name=value; name=value;   用于 Cookie 请求头
         json      全部内容，包括 Cookie 的属性
         netscape  cookies.txt，供 yt-dlp、curl、wget、streamlink、gallery-dl
         env       BILIBILI_...='...'，可在 POSIX shell 中安全地 eval
         以及这些工具各自的格式：%s

除非明确要求，否则不包含刷新令牌：拿到它的工具会自行刷新，从而使 keeper 的登录
失效。header 和 netscape 中没有它的位置。

使用 --tag 时，从带有该标签的有效账号中取一个，轮流或随机。--json 和含有账号名
的格式会说明是哪一个。使用 --wait 时，会等待 keeper、账号和有效的登录；时间写作
--wait=10m。`},
}

// system are the errors of the library and of the operating system.
var system = Area{
	{"unknown flag: --%s", "没有 --%s 这个参数"},
	{"unknown shorthand flag: %q in -%s", "-%[2]s 中的 %[1]q 不是已知的参数"},
	{"flag needs an argument: --%s", "--%s 需要一个值"},
	{"flag needs an argument: %q in -%s", "-%[2]s 中的 %[1]q 需要一个值"},
	{"invalid argument %q for %q flag: %w", "%[2]q 不能取 %[1]q：%[3]w"},
	{"bad flag syntax: %s", "参数写法有误：%s"},
	{"unknown command %q for %q", "%[2]q 没有 %[1]q 这个命令"},
	{"accepts at most %d arg(s), received %d", "最多接受 %d 个参数，收到了 %d 个"},
	{"strconv.ParseBool: parsing %q: %w", "%q 不是布尔值：%w"},
	{"time: invalid duration %q", "%q 不是一段时间"},
	{"parse error", "解析错误"},
	{"invalid syntax", "写法有误"},

	{"open %s: %w", "打开 %s：%w"},
	{"read %s: %w", "读取 %s：%w"},
	{"write %s: %w", "写入 %s：%w"},
	{"mkdir %s: %w", "创建目录 %s：%w"},
	{"dial unix %s: %w", "连接 unix %s：%w"},
	{"connect: %w", "%w"},
	{"rename %s %s: %w", "重命名 %s 为 %s：%w"},
	{"remove %s: %w", "删除 %s：%w"},
	{"permission denied", "权限不够"},
	{"connection refused", "连接被拒绝"},
	{"no such file or directory", "没有那个文件或目录"},
	{"file does not exist", "文件不存在"},
	{"no space left on device", "设备上没有空间"},
	{"read-only file system", "只读文件系统"},
	{"file exists", "文件已存在"},
	{"is a directory", "是一个目录"},
	{"not a directory", "不是目录"},
	{"broken pipe", "管道已断开"},
	{"operation not permitted", "不允许的操作"},
	{"invalid argument", "无效的参数"},
	{"connection reset by peer", "连接被对方重置"},
	{"no route to host", "没有到主机的路由"},
	{"network is unreachable", "网络不可达"},
	{"context deadline exceeded", "超过了时限"},
	{"i/o timeout", "超时"},
	{"unexpected EOF", "内容提前结束"},
	{"exec format error", "可执行文件格式错误"},
	{"address already in use", "地址已被占用"},
	{"signal: killed", "被强制结束"},
	{"exit status %d", "退出状态 %d"},
}
