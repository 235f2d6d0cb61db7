"""Settings of the server that `tools/lab.py` starts, beside the user's own."""

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """A connection to the kernel that sends each message at once.

    By default TCP holds a small message back until the one before is acknowledged (Nagle's
    algorithm), which takes up to 40 ms: a slider's picture would come that much later.
    """

    def connect(self):
        """Connect as always, after switching the delay off."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()


c.ServerApp.kernel_websocket_connection_class = PromptConnection  # noqa: F821  (Jupyter gives c)
