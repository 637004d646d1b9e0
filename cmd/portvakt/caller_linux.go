package main

import (
	"net"
	"syscall"
)

// peerUser asks the kernel who opened the other end of a local socket (unix(7), SO_PEERCRED).
func peerUser(c net.Conn) (name string, known bool) {
	local, ok := c.(*net.UnixConn)
	if !ok {
		return "", false
	}
	raw, err := local.SyscallConn()
	if err != nil {
		return "", false
	}
	var peer *syscall.Ucred
	if raw.Control(func(fd uintptr) {
		peer, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}) != nil || err != nil {
		return "", false
	}
	return userOfID(peer.Uid), true
}
