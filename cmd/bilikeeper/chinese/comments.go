package chinese

var comments = area{}
