// Invoices is a small application that asks Portvakt who may see and change what: an API over one SQL table, with lists
// that hold only what the person may see. Copy from it what you need; docs/integration/go-client.md explains it.
//
//	ISSUER=http://localhost:8080 CLIENT_ID=invoices CLIENT_SECRET=… go run . -addr 127.0.0.1:9100 -database invoices.db
package main

import (
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"time"

	"portvakt/authz/client"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9100", "where to listen")
	database := flag.String("database", "invoices.db", "file of the SQLite database")
	flag.Parse()
	if err := serve(*addr, *database); err != nil {
		log.Fatal(err)
	}
}

func serve(addr, database string) error {
	ask, err := client.New(client.Config{
		Issuer:       os.Getenv("ISSUER"),
		ClientID:     os.Getenv("CLIENT_ID"),
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		BatchWindow:  2 * time.Millisecond, // many requests at once become few questions to the service
	})
	if err != nil {
		return err
	}
	defer ask.Close()
	invoices, err := openInvoices(database)
	if err != nil {
		return err
	}
	defer invoices.db.Close()
	server := &http.Server{Addr: addr, Handler: (&app{ask, invoices}).routes(), ReadHeaderTimeout: 5 * time.Second}
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
