"""One session and its viewers: a frame goes to all of them, and one of them acts.

The first viewer who may act is in control until another one takes it or it leaves. Whether a viewer may act is asked of
its view before each single message.
"""

from priorauth.domain.live.inputs import GiveFiles
from priorauth.domain.live.views import Ending, Frame, Scene, Screen
from priorauth.live import messages
from priorauth.live.viewers import Viewer


class Room:
    """The viewers of one session."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._viewers: list[Viewer] = []
        self._controller: Viewer | None = None
        self._sequence = 0
        self._last: bytes | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nobody is here."""
        return not self._viewers

    def enter(self, viewer: Viewer) -> None:
        """Let a viewer in: it is shown the last frame at once, and the session is the human's if it may act."""
        self._viewers.append(viewer)
        viewer.view.on_change(lambda: self._judge(viewer))
        if viewer.view.may_act:
            self._screen.hand_over(may_submit=viewer.view.may_submit)
        viewer.tell("scene", messages.scene(self._screen.scene()))
        if self._last is not None:
            viewer.show(self._sequence, self._last)
        if self._controller is None and viewer.view.may_act:
            self._controller = viewer
        self._tell_control()
        if len(self._viewers) == 1:
            self._screen.watch(self)

    def leave(self, viewer: Viewer) -> None:
        """Let a viewer out. What it held down is lifted, and the next one who may act is in control."""
        self._viewers.remove(viewer)
        if viewer is self._controller:
            self._pass_control(next((each for each in self._viewers if each.view.may_act), None))
        if not self._viewers:
            self._screen.unwatch()

    def act(self, viewer: Viewer, message: messages.Message) -> bool:
        """Do what a viewer asks for. False: it may not. Raises Malformed."""
        if isinstance(message, messages.Ack):
            viewer.painted(message.frame)
            return True
        if not viewer.view.may_act:
            return False
        if isinstance(message, messages.TakeControl):
            self._pass_control(viewer)
        if viewer is not self._controller:
            return False
        self._do(viewer, message)
        return True

    # --- what the screen tells ---------------------------------------------------------------------------------------

    def show(self, frame: Frame) -> None:
        """Show a frame to all, packed once."""
        self._sequence += 1
        self._last = messages.frame(frame, self._sequence)
        for viewer in self._viewers:
            viewer.show(self._sequence, self._last)

    def arrange(self, scene: Scene) -> None:
        """Show tabs and overlays to all."""
        text = messages.scene(scene)
        for viewer in self._viewers:
            viewer.tell("scene", text)

    def select(self, text: str) -> None:
        """Give the selected text to who is in control, and to nobody else."""
        if self._controller is not None:
            self._controller.tell("selected", messages.selected(text))

    def lose(self) -> None:
        """End all views: the session is gone."""
        for viewer in list(self._viewers):
            viewer.view.end(Ending.SESSION_LOST)

    def _do(self, viewer: Viewer, message: messages.Message) -> None:
        match message:
            case messages.BeginFile():
                viewer.upload.begin(message)
            case messages.Piece():
                viewer.upload.add(message)
            case messages.EndFiles():
                self._screen.act(GiveFiles(overlay=message.overlay, files=viewer.upload.take()))
            case messages.Save():
                content = self._screen.content(message.overlay)
                if content is not None:
                    viewer.hand(message.overlay, content)
            case messages.Ack() | messages.TakeControl() | messages.Renew():
                """Not for the session."""
            case _:
                self._screen.act(message)

    def _judge(self, viewer: Viewer) -> None:
        """End the turn of who is in control when their right is taken away, in the same step.

        What they were about to submit does not leave: the screen takes back the permit and what it holds. The next
        viewer who may act begins a turn of their own.
        """
        if viewer.view.ending is Ending.REVOKED and viewer is self._controller:
            self._screen.take_back()
            following = next((each for each in self._viewers if each.view.may_act), None)
            self._pass_control(following)
            if following is not None:
                self._screen.hand_over(may_submit=following.view.may_submit)

    def _pass_control(self, viewer: Viewer | None) -> None:
        if viewer is not self._controller:
            if self._controller is not None:
                self._screen.let_go()
                self._controller.upload.drop()
            self._controller = viewer
            self._tell_control()

    def _tell_control(self) -> None:
        for viewer in self._viewers:
            holder = "you" if viewer is self._controller else "person" if self._controller else "nobody"
            viewer.tell("control", messages.control(holder))
