package servicecmd

import "github.com/bilikeeper/bilikeeper/cmd/bilikeeper/cli"

// What other commands do with the service, by way of who puts the tree together.

// Install installs the service, of the calling user or of the machine.
func Install(env *cli.Env, user bool) error { return install(env, user) }

// Control starts, stops or restarts the service.
func Control(env *cli.Env, action string, user bool) error {
	past := map[string]string{"start": "The service is started.", "stop": "The service is stopped.", "restart": "The service is restarted."}
	return control(env, action, past[action], user)
}

// Service tells which service manager there is, and whether the service runs.
func Service(user bool) (manager string, runs bool, err error) {
	manager, state, err := ask(user)
	return manager, state == running, err
}
