#!/bin/sh
# Shows what mod_auth_mellon tells an application: one variable a line.
printf 'Content-Type: text/plain\r\n\r\n'
env | grep ^MELLON
