package control

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/bilikeeper/bilikeeper/daemon/client"
	"github.com/bilikeeper/bilikeeper/daemon/control/openapi"
	"github.com/bilikeeper/bilikeeper/daemon/output"
)

// formatTypes are the media types of the formats.
func formatTypes() []string {
	var list []string
	for _, name := range output.Formats() {
		info, _ := output.Describe(name)
		kind, _, _ := strings.Cut(info.ContentType, ";")
		list = append(list, cmp.Or(kind, "application/octet-stream"))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// openapi answers with the document of this API.
func (m *monitor) openapi(w http.ResponseWriter, _ *http.Request) error {
	d, err := describe(m.version)
	if err != nil {
		return err
	}
	return writeJSON(w, d)
}

// describe makes the document of the routes that are served.
func describe(version string) (*openapi.Document, error) {
	d := openapi.New(openapi.Info{
		Title: "bilikeeper", Version: cmp.Or(version, "0"),
		Description: "The control API of bilikeeper, over its Unix socket. Who asks is told by the kernel; what each may is said by [control] in the configuration.",
	}, []openapi.Server{{URL: "http://localhost", Description: "over the Unix socket"}}, fieldWords())
	texts := described()
	for _, rt := range (&Server{}).routes() {
		d.Add(rt.path, strings.ToLower(rt.method), operation(d, rt, texts[rt.method+" "+rt.path]))
	}
	return d, d.Err()
}

func operation(d *openapi.Document, rt route, a about) openapi.Operation {
	o := openapi.Operation{
		ID:         strings.ToLower(rt.method) + strings.NewReplacer("/v1", "", "/", "-", "{", "", "}", "", ".", "-").Replace(rt.path),
		Summary:    a.summary,
		Parameters: parameters(rt, a), Responses: map[string]openapi.Response{},
	}
	if rt.verb != verbOpen {
		o.Description = "needs " + rt.verb + " of the " + string(rt.of)
	}
	if len(a.body) > 0 {
		o.RequestBody = &openapi.Body{Required: !a.optional, Content: d.Request(a.body...)}
	}
	done := openapi.Response{Description: "done", Content: map[string]openapi.Media{}}
	if len(a.answer) > 0 {
		done.Content = d.Answer(a.answer...)
	}
	for _, kind := range a.media {
		done.Content[kind] = openapi.Media{}
	}
	status := http.StatusOK
	if len(done.Content) == 0 {
		status = http.StatusNoContent
	}
	for _, status := range append(a.also, status) {
		o.Responses[openapi.Status(status)] = done
	}
	if slices.Contains(a.headers, "If-None-Match") {
		o.Responses[openapi.Status(http.StatusNotModified)] = openapi.Response{Description: "the caller has it already"}
	}
	for status, kinds := range refusals(rt, a) {
		o.Responses[status] = problemResponse(d, kinds)
	}
	return o
}

// refusals are the problem types that a route may answer with, by status.
func refusals(rt route, a about) map[string][]string {
	kinds := append([]string{client.ProblemBadRequest, client.ProblemNotPermitted, client.ProblemInternal}, a.problems...)
	if len(a.body) > 0 {
		kinds = append(kinds, client.ProblemMediaType, client.ProblemTooLarge)
	}
	if rt.ofOneHost() {
		kinds = append(kinds, client.ProblemHostAway, client.ProblemElsewhere)
	}
	if rt.of == ofLogin {
		kinds = append(kinds, client.ProblemNoLogin)
	}
	slices.Sort(kinds)
	byStatus := map[string][]string{}
	for _, kind := range slices.Compact(kinds) {
		status, _, _ := meaning(kind)
		byStatus[strconv.Itoa(status)] = append(byStatus[strconv.Itoa(status)], kind)
	}
	return byStatus
}

// problemResponse is a refusal with one of some types.
func problemResponse(d *openapi.Document, kinds []string) openapi.Response {
	problem := d.Answer(client.Problem{})["application/json"]
	problem.Schema = &openapi.Schema{
		Ref: problem.Schema.Ref, Properties: map[string]*openapi.Schema{"type": {Type: openapi.Types{"string"}, Enum: kinds}},
	}
	return openapi.Response{
		Description: strings.Join(kinds, ", "), Content: map[string]openapi.Media{"application/problem+json": problem},
	}
}

// parameters are those of the path, of the query and of the header.
func parameters(rt route, a about) []openapi.Parameter {
	var list []openapi.Parameter
	for part := range strings.SplitSeq(rt.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			p := openapi.Parameter{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: openapi.Of("string")}
			if p.Name == "step" {
				p.Schema.Enum = []string{client.StepCaptcha, client.StepSend, client.StepCode}
			}
			list = append(list, p)
		}
	}
	for _, name := range rt.query {
		list = append(list, queryParameter(name))
	}
	for _, name := range a.headers {
		list = append(list, openapi.Parameter{Name: name, In: "header", Schema: openapi.Of("string")})
	}
	return list
}

// queryParameter describes a parameter, which means the same on each route.
func queryParameter(name string) openapi.Parameter {
	p := openapi.Parameter{Name: name, In: "query", Schema: openapi.Of("string")}
	zero, first := 0, 1
	switch name {
	case "after":
		p.Schema, p.Description = &openapi.Schema{Type: openapi.Types{"integer"}, Minimum: &zero}, "the id, generation or revision that the caller has"
	case "limit":
		p.Schema, p.Description = &openapi.Schema{Type: openapi.Types{"integer"}, Minimum: &first}, "the most entries"
	case "days":
		p.Schema, p.Description = &openapi.Schema{Type: openapi.Types{"integer"}, Minimum: &first}, "how many days, today with them; 90 where it is left out"
	case "stale", "with_refresh_token":
		p.Schema = openapi.Of("boolean")
	case "wait":
		p.Description = "how long to wait for what is newer, as in 30s"
	case "since":
		p.Description = "a time, or a duration back from now"
	case "type":
		p.Description = "types of events, with commas between them"
	case "format":
		p.Schema.Enum = output.Formats()
	case "strategy":
		p.Schema.Enum = []string{client.StrategyRoundRobin, client.StrategyRandom}
	case "tag":
		p.Required = true
	}
	return p
}

// fieldWords are the fields that take a few words only.
func fieldWords() map[string][]string {
	return map[string][]string{
		"Account.state":         {client.StateNew, client.StateValid, client.StateNeedsLogin, client.StateLoggingIn},
		"CheckResult.outcome":   {client.CheckOK, client.CheckDead, client.CheckUnreachable, client.CheckBlocked},
		"RefreshResult.outcome": {client.RefreshDone, client.RefreshNotDue, client.RefreshFailed, client.RefreshImpossible},
		"Login.state": {client.LoginWaiting, client.LoginScanned, client.LoginVerifying, client.LoginCaptcha, client.LoginSMSSent,
			client.LoginSucceeded, client.LoginFailed, client.LoginCancelled},
		"Output.state": {client.OutputOK, client.OutputWaiting, client.OutputRetrying, client.OutputFailed, client.OutputHook, client.OutputPending},
		"Event.type":   client.EventTypes(),
	}
}
