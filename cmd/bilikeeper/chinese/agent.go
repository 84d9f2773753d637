package chinese

// agent are the texts of the desktop session's agent.
var agent = area{
	{"Show the keeper's messages in this desktop session", "在此桌面会话中显示 keeper 的消息"},
	{`Shows the keeper's messages in this desktop session, with the code's picture and
a button that opens the login page or the picture. It is for a keeper that
cannot reach the session, the system's service above all.

The keeper is the calling user's own, or the system's where the user has none;
--socket names another. To see the messages of another user's keeper one needs
an entry in its configuration:

  [[control.allow]]
  user = "you"
  accounts = ["*"]
  may = ["status", "login"]`, `在此桌面会话中显示 keeper 的消息，带有二维码图片，以及打开登录页或图片的按钮。
它用于无法进入桌面会话的 keeper，主要是整机的服务。

默认使用当前用户自己的 keeper，没有时使用整机的；--socket 可以指定其他的。要看
到其他用户的 keeper 的消息，它的配置中需要有这样的条目：

  [[control.allow]]
  user = "you"
  accounts = ["*"]
  may = ["status", "login"]`},
	{"Start the agent with each desktop session of the calling user", "让当前用户的每个桌面会话都启动 agent"},
	{"Start it no more, and end it", "不再启动 agent，并结束正在运行的"},
	{"end it first, or leave it to show the messages", "请先结束它，或就让它来显示消息"},
	{"run it as the user of the desktop session", "请以桌面会话的用户运行"},
	{"set HOME", "请设置 HOME"},
	{"there is no home directory: %w", "没有主目录：%w"},
	{"the agent needs D-Bus, which %s does not have", "agent 需要 D-Bus，而 %s 没有"},
	{"the files are in place; systemctl --user status %s may tell more", "文件已就位；systemctl --user status %s 也许能说明更多"},
	{"systemctl --user %s: %w: %s", "systemctl --user %s：%w：%s"},
	{"install the agent: %w", "安装 agent：%w"},
	{"uninstall the agent: %w", "卸载 agent：%w"},
	{"Written: %s", "已写入：%s"},
	{"Removed: %s", "已删除：%s"},
	{"The agent starts with the next desktop session. To start it now: bilikeeper agent", "agent 将在下一个桌面会话中启动。现在就启动：bilikeeper agent"},
	{"The agent runs, and starts with each desktop session.", "agent 正在运行，并会随每个桌面会话启动。"},
	{"The agent was not installed.", "agent 没有安装过。"},
}
