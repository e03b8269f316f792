package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
)

type change struct {
	Code    string   `json:"code"`
	MainNet *float64 `json:"main_net"`
	Error   *struct {
		Type string `json:"type"`
	} `json:"error"`
}

func main() {
	server := "http://127.0.0.1:8321"
	if len(os.Args) > 1 {
		server = os.Args[1]
	}
	answer, err := http.Get(server + "/v1/watch")
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	kind := ""
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			kind = value
		case name == "data" && kind == "change":
			var one change
			if err := json.Unmarshal([]byte(value), &one); err != nil {
				log.Fatal(err)
			}
			if one.Error != nil {
				fmt.Println(one.Code, one.Error.Type)
			} else {
				fmt.Println(one.Code, *one.MainNet)
			}
		}
	}
}
