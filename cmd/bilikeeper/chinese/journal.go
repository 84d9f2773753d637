package chinese

// journal are the texts of the journal's command.
var journal = area{
	{"Show the journal: what happened, and who read which credential", "显示日志：发生了什么，谁读取了哪份凭据"},
	{`  bilikeeper events --since 24h
  bilikeeper events --follow --account main --json
  bilikeeper events --type credential.read     # who read which credential`, `  bilikeeper events --since 24h
  bilikeeper events --follow --account main --json
  bilikeeper events --type credential.read     # 谁读取了哪份凭据`},
	{"go on with what happens from now on", "继续显示此后发生的事件"},
	{"a duration (24h) or a time (RFC 3339)", "一段时间（24h）或一个时刻（RFC 3339）"},
	{"events of this account only", "只显示此账号的事件"},
	{"events of this `type` only; may be given several times", "只显示 `type` 类型的事件；可以多次指定"},
	{"--type %q is no type of event", "--type %q 不是事件类型"},
	{"there are %s", "可用的有 %s"},
	{"--since %q is neither a duration nor a time", "--since %q 既不是一段时间，也不是一个时刻"},
	{"write a duration such as 24h, or a time such as 2026-11-20T01:02:03Z", "请写一段时间，例如 24h，或一个时刻，例如 2026-11-20T01:02:03Z"},

	{"%s, over the network,", "%s 通过网络"},
	{"%s (uid %d, gid %d, pid %d%s)", "%s（uid %d，gid %d，pid %d%s）"},
	{"%s read generation %d as %s", "%s 读取了第 %d 代凭据，格式 %s"},
	{"%s was refused it: not permitted %s", "%s 被拒绝：没有 %s 权限"},
	{" with the refresh token", "，含刷新令牌"},
	{" for the tag %s", "，标签 %s"},
	{"; %d times more before", "；此前还有 %d 次"},
}
