"""The CTPN network and the engines that run it."""
