package chinese

// deliveries are the texts of the channels' and the outputs' commands.
var deliveries = area{
	{"Show and try the notification channels", "显示并测试通知渠道"},
	{"Show the channels and when each last delivered or failed", "显示各渠道，以及上次送达和失败的时间"},
	{"Send a sample with a sample code; over all channels when none is named", "发送一条带示例二维码的测试消息；不指定渠道时发往所有渠道"},
	{"No channel is configured. Add a [[notify]] entry to the configuration; bilikeeper config init writes one to start from.", "没有配置通知渠道。请在配置中添加 [[notify]] 条目；bilikeeper config init 会写出一个带示例的配置文件。"},
	{"CHANNEL", "渠道"},
	{"TYPE", "类型"},
	{"LAST DELIVERED", "上次送达"},
	{"LAST FAILED", "上次失败"},
	{"EVENTS", "事件"},
	{"delivered", "已送达"},
	{"not delivered:", "未送达："},

	{"Show and write the outputs: files and programs that follow a credential", "显示并写出各输出：随凭据更新的文件和程序"},
	{"Show the outputs: when each last succeeded and failed, why, and how its command went", "显示各输出：上次成功和失败的时间、失败的原因、命令的结果"},
	{"Write an output now, and run its command; all of them when none is named", "立即写出并运行它的命令；不指定时写出所有输出"},
	{"No output is configured. Add an [[output]] entry to the configuration; bilikeeper config init writes one to start from.", "没有配置输出。请在配置中添加 [[output]] 条目；bilikeeper config init 会写出一个带示例的配置文件。"},
	{"OUTPUT", "输出"},
	{"FORMAT", "格式"},
	{"LAST SUCCESS", "上次成功"},
	{"LAST FAILURE", "上次失败"},
	{"COMMAND", "命令"},
	{"NEXT TRY", "下次重试"},
	{"PLACE", "位置"},
	{"%s: its command: %s", "%s：它的命令：%s"},
	{"ok %s", "%s成功"},
	{"exit %d, %s", "退出码 %d，%s"},
	{"failed %s", "%s失败"},
	{"%s: %s, generation %d\n", "%s：%s，第 %d 代\n"},
}
