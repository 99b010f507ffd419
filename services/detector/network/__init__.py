"""The CTPN and the engines that run it."""
