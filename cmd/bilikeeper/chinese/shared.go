package chinese

// shared are the texts of package cli and of the root of the tree, and those that
// several areas print.
var shared = area{
	{"%s: %s …", "%s：%s…"},
	{"Keeps Bilibili logins alive and hands them to the tools that need them", "让哔哩哔哩的登录保持有效，并交给需要它的工具"},
	{`bilikeeper keeps Bilibili logins alive and hands them to the tools that need them.

A keeper runs in the background (bilikeeper daemon, or as a service). It asks
the site now and then whether each account is still logged in. When a login has
died it starts a new one by itself and sends the QR code to your phone or
desktop. Recorders and downloaders get the fresh cookies with bilikeeper get.

Begin with:  bilikeeper demo
             bilikeeper setup         (asks, step by step, and does it)
or:          bilikeeper daemon        (in one terminal)
             bilikeeper login main    (in another)
             bilikeeper get main

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 no keeper
answers, 4 no such account, 5 the account needs a login, 6 the site is blocking
or unreachable (nothing is lost), 7 not permitted; daemon ends with 78 where its
configuration is wrong.`, `bilikeeper 让哔哩哔哩的登录保持有效，并交给需要它的工具。

keeper 在后台运行（bilikeeper daemon，或作为服务），不时询问 B 站各账号是否仍处
于登录状态。登录失效时，它会自动发起新的登录，把二维码发到您的手机或桌面。录播
和下载工具用 bilikeeper get 取得最新的 Cookie。

开始使用：  bilikeeper demo
            bilikeeper setup         （一步一步询问并完成）
或者：      bilikeeper daemon        （在一个终端里）
            bilikeeper login main    （在另一个终端里）
            bilikeeper get main

退出码：0 完成，1 失败，2 用法或配置错误，3 没有 keeper 应答，4 没有这个账号，
5 账号需要登录，6 B 站拦截请求或无法访问（未丢失任何东西），7 没有权限；
配置有误时 daemon 以 78 退出。`},
	{"configuration `file`", "使用配置文件 `file`"},
	{"the keeper's control socket (`path`)", "keeper 的控制套接字 `path`"},
	{"machine-readable output on stdout", "在标准输出上输出便于程序读取的 JSON"},
	{"where the vault and its key lie (`directory`)", "保险库及其密钥在目录 `directory` 中"},
	{"do not ask", "不再询问"},
	{"write over a file that is there", "覆盖已有的文件"},
	{"show what would be installed", "只显示将要安装的内容"},
	{"give up after this long", "超过这个时间就放弃"},

	{"bilikeeper: error: %s", "bilikeeper: 错误：%s"},
	{"bilikeeper: hint: %s", "bilikeeper: 提示：%s"},
	{"bilikeeper: warning: %s", "bilikeeper: 警告：%s"},
	{"warning: %s", "警告：%s"},
	{"note: %s", "注意：%s"},
	{"%s: ", "%s："},
	{"%s: %s", "%s：%s"},
	{"%s: %v", "%s：%v"},
	{"%s: %w", "%s：%w"},
	{" (%s)", "（%s）"},
	{" (%v)", "（%v）"},
	{"%s.", "%s。"},
	{"%[1]s %[2]s", "%[2]s%[1]s"},
	{"%s, checked %s", "%s，%s检查过"},

	{"usage: %s", "用法：%s"},
	{"%s does not know what to do with %q", "%s 不知道如何处理 %q"},
	{"%s needs an account's name", "%s 需要一个账号名"},
	{"%s needs %s", "%s 需要%s"},
	{"%s needs a command to run", "%s 需要一条要运行的命令"},
	{"%s --help lists the commands", "%s --help 会列出各个命令"},
	{"%s --help lists its flags", "%s --help 会列出它的参数"},
	{"did you mean %s %s?", "您是不是要找 %s %s？"},
	{"did you mean --%s?", "您是不是要找 --%s？"},
	{"%s has no command %q", "%s 没有 %q 这个命令"},
	{"%s or %s", "%s 或 %s"},
	{"the output could not be written: %w", "无法写出输出：%w"},
	{"interrupted", "已中断"},
	{"nothing was changed", "未作任何更改"},
	{"interrupted; nothing was changed", "已中断，未作任何更改"},
	{"nobody answered", "没有人回答"},
	{"%s; the keeper is looked for at %s", "%s；将在 %s 寻找 keeper"},
	{"%s is no TOML", "%s 不是 TOML 文件"},
	{"log.level: %w", "log.level：%w"},
	{"start one: bilikeeper daemon, or as a service: bilikeeper service install && bilikeeper service start", "启动它：bilikeeper daemon，或作为服务：bilikeeper service install && bilikeeper service start"},
	{"bilikeeper help lists the commands; bilikeeper help COMMAND shows one", "bilikeeper help 会列出各个命令，bilikeeper help COMMAND 显示其中一个"},
	{"bilikeeper config init writes one there; without --config and BILIKEEPER_CONFIG none is needed", "bilikeeper config init 会在那里写一个；不用 --config 和 BILIKEEPER_CONFIG 时不需要配置文件"},
	{"it has to be readable by the user who runs this", "运行此命令的用户必须能读取它"},

	{"never", "从未"},
	{"now", "现在"},
	{"soon", "不久之后"},
	{"%s ago", "%s前"},
	{"in %s", "%s后"},
	{"%ds", "%d秒"},
	{"%dm", "%d分钟"},
	{"%dh", "%d小时"},
	{"%dd", "%d天"},
	{"yes", "是"},
	{"no", "否"},
	{"none", "无"},
	{"version", "版本"},
	{"ACCOUNT", "账号"},
	{"STATE", "状态"},
	{"KIND", "类型"},
	{"journal", "日志"},
	{"log in again: bilikeeper login %s", "重新登录：bilikeeper login %s"},
	{"log in again: %s", "重新登录：%s"},
	{"; next try %s", "；下次重试：%s"},
	{"nothing is lost; the credential in use goes on working", "未丢失任何东西，现用的凭据仍然可用"},
	{"process %d holds the vault in %s and was to listen on %s: wait for it, or read its log; bilikeeper doctor tells more", "进程 %d 正在使用 %s 中的保险库，应当监听 %s：请等待它，或查看它的日志；bilikeeper doctor 会告诉您更多"},
	{"a keeper runs on %s; name that one, with --socket or BILIKEEPER_SOCKET, or none", "有一个 keeper 在 %s 上运行；请用 --socket 或 BILIKEEPER_SOCKET 指定它，或不指定"},
	{"the keeper of %s runs: use it as that user, or name its socket with --socket %s", "%s 的 keeper 正在运行：请以该用户的身份使用它，或用 --socket %s 指定它的套接字"},
	{"its owner can let you in: add to the keeper's configuration %s, then run bilikeeper reload as its owner", "它的所有者可以允许您使用：在 keeper 的配置中添加 %s，然后由所有者运行 bilikeeper reload"},
	{"name another file; this one is never written over", "请指定其他文件；这个文件绝不会被覆盖"},
	{"on this system use another notification channel, see docs/notifiers.md", "在此系统上请使用其他通知渠道，见 docs/notifiers.md"},
	{"find this program: %w", "查找此程序：%w"},
	{"run %s: %w", "运行 %s：%w"},
	{"the accounts are kept in etcd, which %s does and this program does not, and it is neither beside this one nor on the PATH", "账号保存在 etcd 中，这由 %s 完成，而不是此程序；它既不在此程序旁边，也不在 PATH 上"},
	{`install the package bilikeeper-etcd, or put the program %s beside %s; or write store.type = "bolt"`, `请安装软件包 bilikeeper-etcd，或把程序 %s 放在 %s 旁边；或写 store.type = "bolt"`},
}
