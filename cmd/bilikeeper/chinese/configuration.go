package chinese

// configuration are the texts of the commands that look at the installation.
var configuration = area{
	{"Write, check and show the configuration", "写出、校验和显示配置"},
	{"Validate the configuration file", "校验配置文件"},
	{"Print the effective configuration, secrets masked", "显示实际生效的配置，隐去秘密"},
	{"Write a commented configuration file", "写出带注释的配置文件"},
	{"print it instead", "输出到标准输出，不写文件"},
	{"create the directory of the configuration: %w", "创建配置文件的目录：%w"},
	{"write the configuration: %w", "写入配置文件：%w"},
	{"--force writes over it, --stdout prints a fresh one", "--force 会覆盖它，--stdout 只输出一份新的"},
	{"%s is there already", "%s 已经存在"},
	{"Wrote %s. Every line in it is a default; change what you need, then: bilikeeper config check", "已写入 %s。其中每一行都是默认值；改好需要的部分，然后运行：bilikeeper config check"},
	{"There is no file at %s; every setting has its default.", "%s 不存在，每项设置都使用默认值。"},
	{"%s is fine.", "%s 没有问题。"},
	{"Print the version", "显示版本"},

	{"Look for what is wrong, and say how to mend it", "检查哪里有问题，并给出解决办法"},
	{`Looks at the configuration, the keeper, its files, etcd where the accounts are
kept there, the accounts, the channels, the outputs and the service, and says for
everything that is not well what it means and how to mend it. It changes nothing and asks neither the site nor a
channel's service. Without a running keeper it looks at the files alone.

Exit codes: 0 nothing is wrong, though there may be warnings; 1 something is
wrong: a configuration that cannot be used and a keeper that does not run are
findings like others.`, `检查配置、keeper 及其文件、etcd（账号保存在其中时）、各账号、通知渠道、输出和
服务，对每个不正常的项目说明含义和解决办法。它不作任何更改，既不询问 B 站，也不联系通知渠道的服务。没有
keeper 运行时只检查文件。

退出码：0 没有问题，但可能有警告；1 有问题：配置无法使用、keeper 没有运行都只是
其中的一项。`},
	{"print only what is not ok", "只显示不正常的项目"},
	{"ok", "正常"},
	{"wrong", "问题"},
	{"not checked", "未检查"},
	{"mend: %s", "解决：%s"},
	{"Nothing is wrong", "没有问题"},
	{"%d wrong", "%d 个问题"},
	{", 1 warning", "，1 个警告"},
	{", %d warnings", "，%d 个警告"},
	{", %d not checked", "，%d 项未检查"},
	{"vault and state directory", "保险库和状态目录"},
}
