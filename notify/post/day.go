package post

import "time"

// UntilTomorrow is how long a day in China still lasts, where services count
// messages by the day, and a minute more: no two clocks agree.
func UntilTomorrow(now time.Time) time.Duration {
	here := now.In(time.FixedZone("", 8*60*60))
	year, month, day := here.Date()
	return time.Date(year, month, day+1, 0, 1, 0, 0, here.Location()).Sub(now)
}
