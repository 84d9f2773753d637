// Command nothing ends at once: how long a Go program takes at the least.
package main

func main() {}
