package control

import (
	"net/http"

	"github.com/bilikeeper/bilikeeper/daemon/alert"
	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/output/engine"
)

// delivery serves what goes out by itself: messages over channels, credentials
// over outputs. Both are those that run now; a reload puts others in their place.
type delivery struct {
	channels func() *alert.Channels
	outputs  func() *engine.Outputs
}

func (d *delivery) listChannels(w http.ResponseWriter, _ *http.Request) error {
	list := append([]client.Channel{}, d.channels().Status()...)
	for i := range list {
		list[i].Events = append([]string{}, list[i].Events...)
		list[i].Accounts = append([]string{}, list[i].Accounts...)
	}
	return writeJSON(w, client.ChannelList{Channels: list})
}

func (d *delivery) testChannel(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	result, err := d.channels().Test(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, result)
}

func (d *delivery) listOutputs(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, client.OutputList{Outputs: append([]client.Output{}, d.outputs().Status()...)})
}

func (d *delivery) runOutput(w http.ResponseWriter, r *http.Request) error {
	if _, err := decode[struct{}](w, r, true); err != nil {
		return err
	}
	result, err := d.outputs().RunNow(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return writeJSON(w, result)
}
