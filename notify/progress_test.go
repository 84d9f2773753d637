package notify

import (
	"encoding/json"
	"testing"
	"time"
)

// What a ledger has stored is read by the versions before and after this one.
func TestProgressOnDisk(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	service := Service{RetryAt: at, Delivered: at, Failed: at, LastError: "down", FailingSince: at, Failures: 3, Paced: at}
	p := Progress{
		Position: 7, Ahead: []uint64{9, 11}, Service: service, Others: map[string]Service{"mail": {Delivered: at}}, Told: at,
		Trials:   []Trial{{ID: "a", Attempts: 1, Handed: 2, Since: at, Refused: []string{"phone"}, Reason: "gone"}, {ID: "b", Since: at}},
		Sending:  []Sending{{ID: "a", Positions: []uint64{8, 10}}},
		Gathered: map[string][]time.Time{"dead": {at}},
		Shown: []Shown{
			{Handle: "h", Via: "mail", Message: "c", Type: typeCode, Account: "A", Thread: "t", Position: 5, At: at, Over: true, Tries: 1},
			{Handle: "i", Message: "d", Type: typeCode, Account: "B", At: at},
		},
	}
	const time = `"2026-03-01T12:00:00Z"`
	want := `{"position":7,"ahead":[9,11],` +
		`"trials":[{"id":"a","attempts":1,"handed":2,"since":` + time + `,"refused":["phone"],"reason":"gone"},{"id":"b","since":` + time + `}],` +
		`"sending":[{"id":"a","positions":[8,10]}],"gathered":{"dead":[` + time + `]},` +
		`"retry_at":` + time + `,"delivered":` + time + `,"failed":` + time + `,"last_error":"down","failing_since":` + time + `,"failures":3,"paced":` + time + `,` +
		`"others":{"mail":{"delivered":` + time + `}},"told":` + time + `,` +
		`"shown":[{"handle":"h","via":"mail","message":"c","type":"login.code","account":"A","thread":"t","position":5,"at":` + time + `,"over":true,"tries":1},` +
		`{"handle":"i","message":"d","type":"login.code","account":"B","at":` + time + `}]}`
	got, err := json.Marshal(p)
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	var back Progress
	if err := json.Unmarshal([]byte(want), &back); err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(back); string(again) != want {
		t.Errorf("read back: %s", again)
	}
	if empty, _ := json.Marshal(Progress{}); string(empty) != `{"position":0}` {
		t.Errorf("a new one: %s", empty)
	}
}
