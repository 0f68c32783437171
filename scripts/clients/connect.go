// Connects once for each line "PORT CA CERT:KEY ...". With the argument "callback" the certificate
// comes from Config.GetClientCertificate, which takes the first, otherwise from Config.Certificates.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		said := "ok"
		if err := connect(strings.Fields(lines.Text())); err != nil {
			said = err.Error()
		}
		fmt.Println(strings.ReplaceAll(said, "\n", " "))
	}
}

func connect(words []string) error {
	ca, err := os.ReadFile(words[1])
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	config := &tls.Config{RootCAs: pool, ServerName: "localhost"}
	for _, files := range words[2:] {
		certificate, key, _ := strings.Cut(files, ":")
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return err
		}
		config.Certificates = append(config.Certificates, pair)
	}
	if len(os.Args) > 1 {
		given := config.Certificates
		config.Certificates = nil
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(given) == 0 {
				return &tls.Certificate{}, nil
			}
			return &given[0], nil
		}
	}
	connection, err := tls.Dial("tcp", "127.0.0.1:"+words[0], config)
	if err != nil {
		return err
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = connection.Read(make([]byte, 1))
	return err
}
