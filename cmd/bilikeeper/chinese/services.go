package chinese

// services are the texts of the commands that run the keeper.
var services = area{
	{"Run the keeper in the foreground", "在前台运行 keeper"},
	{`Runs the keeper in the foreground. SIGTERM and SIGINT stop it cleanly, a
second one at once, SIGHUP reloads the configuration. Without a configuration file
every setting has a working default; bilikeeper config init writes a commented one.`, `在前台运行 keeper。SIGTERM 和 SIGINT 让它正常停止，第二次则立即结束；SIGHUP 重新
加载配置。没有配置文件时，每项设置都有可用的默认值；bilikeeper config init 会写出
一个带注释的配置文件。`},
	{"answer to the operating system's service manager", "由操作系统的服务管理器运行"},
	{"another keeper runs already; bilikeeper status talks to it", "已有另一个 keeper 在运行；bilikeeper status 会与它通信"},
	{"put the key file back beside the vault; or make a new one, with the recovery key: bilikeeper vault slots add keyfile --recovery", "请把密钥文件放回保险库旁边；或用恢复密钥生成新的：bilikeeper vault slots add keyfile --recovery"},
	{"put back the key file that belongs to this vault; or make a new one, with the recovery key: bilikeeper vault slots add keyfile --recovery", "请放回属于这个保险库的密钥文件；或用恢复密钥生成新的：bilikeeper vault slots add keyfile --recovery"},
	{"a newer version of bilikeeper wrote this vault; install that version", "这个保险库由更新版本的 bilikeeper 写入，请安装该版本"},
	{"make room on the disk", "请腾出磁盘空间"},
	{"look at the disk; the vault is opened again with all that it had kept", "请检查磁盘；保险库再次打开时，已保存的内容都在"},
	{"name another socket with --socket, or stop what answers there", "请用 --socket 指定其他套接字，或停止在那里应答的程序"},
	{"move it away, or name another socket with --socket", "请移走它，或用 --socket 指定其他套接字"},
	{"close the directory, or name a socket in another one with --socket", "请收紧该目录的权限，或用 --socket 指定其他目录中的套接字"},
	{"run it as the user whose directory this is, or name another with --state-dir", "请以该目录的所有者运行，或用 --state-dir 指定其他目录"},
	{"put the vault's file back, or restore a backup: bilikeeper vault restore FILE; a keeper that starts without one begins with an empty vault", "请放回保险库的文件，或从备份恢复：bilikeeper vault restore FILE；没有它而启动的 keeper 会从空的保险库开始"},
	{"the keeper stopped: %w", "keeper 已停止：%w"},

	{"Let the running keeper read its configuration anew", "让正在运行的 keeper 重新读取配置"},
	{`Lets the running keeper read its configuration anew, and says what changed and
what waits for a restart. Where the configuration has a fault the old one stays as
a whole; the fault is printed and the command ends with 2.`, `让正在运行的 keeper 重新读取配置，显示哪些已经生效、哪些需要重启。配置有误时，
旧配置全部继续生效；错误会显示出来，命令以 2 退出。`},
	{"Nothing changed.", "没有变化。"},
	{"In force now: %s", "现已生效：%s"},
	{"Waits for a restart of the keeper: %s", "需要重启 keeper 才能生效：%s"},

	{"Install the keeper with the operating system's service manager, and control it", "用操作系统的服务管理器安装并控制 keeper"},
	{"Install the service; an older installation is brought up to date", "安装服务；已安装的旧版本会更新"},
	{"Start the service", "启动服务"},
	{"Stop the service", "停止服务"},
	{"Restart the service", "重启服务"},
	{"The service is removed.", "服务已卸载。"},
	{"The service is started.", "服务已启动。"},
	{"The service is stopped.", "服务已停止。"},
	{"The service is restarted.", "服务已重启。"},
	{"not installed", "未安装"},
	{"running", "正在运行"},
	{"stopped", "已停止"},
	{"unknown", "未知"},
	{"the service of the calling user instead of the machine's", "当前用户的服务，而不是整机的"},
	{"this is for systemd, which does not run here (%s does)", "以下内容用于 systemd，而这里没有运行它（运行的是 %s）"},
	{"install %s /usr/local/bin/, and run that one", "请运行 install %s /usr/local/bin/，并使用那里的程序"},
	{"the service could not see %s: it is kept out of homes and of /tmp", "服务看不到 %s：它无法访问主目录和 /tmp"},
	{"The service is installed (%s). Start it: bilikeeper service start%s", "服务已安装（%s）。启动它：bilikeeper service start%s"},
	{"service %s: %w", "service %s：%w"},
	{"service %s: no service manager was found", "service %s：没有找到服务管理器"},
	{"service %s (%s): %w", "service %s（%s）：%w"},
	{"run it as root, or with --user for a service of your own", "请以 root 运行，或用 --user 操作您自己的服务"},
	{"run bilikeeper daemon under whatever starts programs here", "请用这里启动程序的方式运行 bilikeeper daemon"},
	{"ask the service manager itself, systemctl status bilikeeper for example; bilikeeper daemon runs the keeper without one", "请直接查询服务管理器，例如 systemctl status bilikeeper；不用服务管理器时可运行 bilikeeper daemon"},
}
