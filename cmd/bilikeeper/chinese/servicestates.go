package chinese

// serviceStates are the texts about how the service is, and how it is installed.
var serviceStates = area{
	{"Say how the service is", "显示服务的状态"},
	{`Says how the service is, in one word, and ends with a code for each: running 0,
stopped 10, failed 11, starting 12, stopping 13, reloading 14, not installed 15,
unknown 16. How the accounts are is told by bilikeeper status.`, `用一个词显示服务的状态，每种状态有各自的退出码：running 0、stopped 10、failed 11、
starting 12、stopping 13、reloading 14、not installed 15、unknown 16。账号的状态由
bilikeeper status 显示。`},
	{"Stop the service and remove it; the vault stays", "停止并移除服务；保险库会保留"},
	{`Installs the service; an older installation is brought up to date. What --config,
--socket and --state-dir name is what the service is started with. With --print
nothing is installed and what would be is shown, also for another system.`, `安装服务；已有的旧安装会更新。--config、--socket 和 --state-dir 所指定的，就是服务
启动时使用的。使用 --print 时不安装，只显示将要安装的内容，也可以是其他系统的。`},
	{"with --print: the `manager` that it is for, one of systemd, openrc, launchd, windows", "与 --print 合用：对应的服务管理器 `manager`，systemd、openrc、launchd 或 windows"},
	{"where the vault and its key are to lie (`directory`)", "保险库及其密钥所在的目录（`directory`）"},
	{"where the keeper's vault lies (`directory`)", "keeper 的保险库所在的目录（`directory`）"},
	{"add --print", "请加上 --print"},
	{"--manager only chooses what is shown", "--manager 只用于选择显示什么"},
	{"unknown service manager %q; known are %s, %s, %s, %s", "未知的服务管理器 %q；可用的有 %s、%s、%s、%s"},
	{"leave --user out", "请去掉 --user"},
	{"%s has no services of users", "%s 没有用户服务"},
	{"put it into /etc/bilikeeper, or install a service of your own with --user", "请把它放进 /etc/bilikeeper，或用 --user 安装自己的服务"},
	{"name another, or install a service of your own with --user", "请指定其他的，或用 --user 安装自己的服务"},
	{"the service could not make the socket %s: it may write in /run/bilikeeper and /var/lib/bilikeeper alone", "服务无法建立套接字 %s：它只能写入 /run/bilikeeper 和 /var/lib/bilikeeper"},
	{"the service could not keep its state in %s: it may write in /run/bilikeeper and /var/lib/bilikeeper alone", "服务无法把状态保存在 %s：它只能写入 /run/bilikeeper 和 /var/lib/bilikeeper"},
	{"%s is set here and not for the service, which takes its places from the flags of this command", "%s 只在这里设置，对服务无效；服务的位置由此命令的选项决定"},
	{"The service is not installed.", "服务没有安装。"},
	{"What it kept stays: the configuration %s, and the vault in %s.", "它保管的内容会保留：配置 %s，以及 %s 中的保险库。"},
	{"as root: loginctl enable-linger %s; then, as the user: export XDG_RUNTIME_DIR=/run/user/%d; or log in as the user itself, not by su or sudo", "以 root 运行：loginctl enable-linger %s；再以该用户运行：export XDG_RUNTIME_DIR=/run/user/%d；或直接以该用户登录，而不是通过 su 或 sudo"},
	{"this user's service manager is not reached from here: %w", "从这里无法访问该用户的服务管理器：%w"},
	{"systemctl %s: %w: %s", "systemctl %s：%w：%s"},
	{"systemctl edit %s changes it", "用 systemctl edit %s 修改它"},
	{"%s belongs to a package and takes no places from here", "%s 属于软件包，不接受这里指定的位置"},
	{"adduser -S -D -H -h /var/lib/bilikeeper -s /sbin/nologin bilikeeper, with a group: addgroup -S bilikeeper; elsewhere useradd --system --user-group bilikeeper", "adduser -S -D -H -h /var/lib/bilikeeper -s /sbin/nologin bilikeeper，并建立用户组：addgroup -S bilikeeper；其他系统用 useradd --system --user-group bilikeeper"},
	{"the service runs as the user %s, and there is none", "服务以用户 %s 运行，而该用户不存在"},
	{"restore the vault from a backup: bilikeeper vault restore FILE", "请从备份恢复保险库：bilikeeper vault restore FILE"},
	{"restore the vault from a backup: %s puts the newest copy that opens in its place", "请从备份恢复保险库：%s 会用能打开的最新副本取代它"},
	{"%s; or bilikeeper vault repair saves what still opens", "%s；或用 bilikeeper vault repair 救出仍能打开的内容"},
	{"name the etcd that this host has used in store.endpoints and store.prefix; where it was put back to an earlier state on purpose, move %s away on each host: what came after that state is forgotten", "请在 store.endpoints 和 store.prefix 中写本机一直使用的 etcd；若是有意把它恢复到较早的状态，请在每台主机上移走 %s：该状态之后的内容会被遗忘"},
	{`mend store.endpoints or store.prefix; where etcd has lost what it had: move %s away on each host, write type = "bolt" here, then: %s && bilikeeper vault migrate --to etcd, and write type = "etcd" again`, `请改正 store.endpoints 或 store.prefix；若 etcd 丢失了内容：请在每台主机上移走 %s，在这里写 type = "bolt"，然后运行：%s && bilikeeper vault migrate --to etcd，再写回 type = "etcd"`},
	{"%s; to begin anew, move %s and %s away; nothing was changed", "%s；如要重新开始，请移走 %s 和 %s；程序未作任何更改"},
}
