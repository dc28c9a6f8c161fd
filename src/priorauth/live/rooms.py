"""One session and its viewers: a frame goes to all of them, and one of them acts.

The first viewer who may act is in control until it leaves, or lets another one act. Whether a viewer may act is asked
of its view before each single message, and whether its person has arrived, of its arrival.
"""

from priorauth.domain.live.inputs import DropFiles, GiveFiles, Motion, Pointer
from priorauth.domain.live.views import Ending, Frame, Scene, Screen
from priorauth.live import messages
from priorauth.live.arrivals import Arrival, Arrivals
from priorauth.live.takeovers import ANSWER_SECONDS, Takeover
from priorauth.live.viewers import Viewer


class Room:
    """The viewers of one session."""

    def __init__(self, screen: Screen, arrivals: Arrivals, *, takeover_seconds: float = ANSWER_SECONDS) -> None:
        self._screen = screen
        self._arrivals = arrivals
        self._takeover_seconds = takeover_seconds
        self._viewers: dict[Viewer, Arrival] = {}
        self._controller: Viewer | None = None
        self._takeover: Takeover | None = None
        self._sequence = 0
        self._last: bytes | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nobody is here."""
        return not self._viewers

    def enter(self, viewer: Viewer) -> None:
        """Let a viewer in: it is shown the last frame at once, and the session is the human's if it may act."""
        arrival = self._viewers[viewer] = self._arrivals.begin(viewer.view)
        viewer.view.on_change(lambda: self._judge(viewer))
        if viewer.view.may_act:
            self._screen.hand_over(may_submit=False)
        viewer.tell("scene", messages.scene(self._screen.scene()))
        viewer.tell("input", messages.reach(arrival.state))
        if self._last is not None:
            viewer.show(self._sequence, self._last)
        if viewer.view.may_act and (self._controller is None or self._controller.view.id == viewer.view.id):
            # A view that comes back need not ask itself, whose earlier connection may still seem to be there.
            self._pass_control(viewer)
        else:
            self._tell_control()
        self._judge_submit()
        if len(self._viewers) == 1:
            self._screen.watch(self)

    def leave(self, viewer: Viewer) -> None:
        """Let a viewer out. What it held down is lifted, and the next one who may act is in control."""
        self._arrivals.end(self._viewers.pop(viewer))
        asker = self._takeover.asker if self._takeover is not None else None
        if self._takeover is not None and viewer in (asker, self._controller):
            self._takeover.drop()
            self._takeover = None
        if viewer is self._controller:
            others = (each for each in self._viewers if each.view.may_act)
            self._pass_control(asker or next(others, None))
        else:
            self._tell_control()
        if not self._viewers:
            self._screen.unwatch()

    def acts(self, viewer: Viewer) -> bool:
        """Say whether a viewer may act, and is the one who does."""
        return viewer.view.may_act and viewer is self._controller

    def act(self, viewer: Viewer, message: messages.Message) -> bool:
        """Do what a viewer asks for. False: it may not. Raises Malformed."""
        if isinstance(message, messages.Ack):
            viewer.painted(message.frame)
            return True
        if not viewer.view.may_act:
            return False
        match message:
            case messages.TakeControl():
                self._ask_for_control(viewer)
                return True
            case messages.Start():
                self._start(viewer)
                return True
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

    def copy(self, text: str) -> None:
        """Offer a text that the page has copied to who is in control, and to nobody else."""
        if self._controller is not None:
            self._controller.tell("copied", messages.copied(text))

    def refuse(self, *, code: str, words: str) -> None:
        """Tell who is in control why something was not sent."""
        if self._controller is not None:
            self._controller.tell("refused", messages.refused(code, words))

    def lose(self) -> None:
        """End all views: the session is gone."""
        for viewer in list(self._viewers):
            viewer.view.end(Ending.SESSION_LOST)

    # --- input -------------------------------------------------------------------------------------------------------

    def _do(self, viewer: Viewer, message: messages.Message) -> None:
        arrival = self._viewers[viewer]
        if isinstance(message, messages.AnswerTakeover):
            if self._takeover is not None:
                takeover, self._takeover = self._takeover, None
                takeover.answer(message.allow)
        elif arrival.admits(message):
            has_clicked = arrival.has_clicked
            if self._pass_on(viewer, message):
                arrival.note_done(message)
                # In the step of the click: what it submits is held.
                self._judge_submit()
            if not has_clicked and isinstance(message, Pointer) and message.motion is Motion.DOWN:
                # Also where the click was for a page that is gone by now: the viewer's page expects it to count.
                viewer.tell("input", messages.reach(arrival.state))

    def _pass_on(self, viewer: Viewer, message: messages.Message) -> bool:
        """Do in the session what is for it. False: it was for nothing that is there."""
        match message:
            case messages.BeginFile():
                viewer.upload.begin(message)
            case messages.Piece():
                viewer.upload.add(message)
            case messages.EndFiles():
                return self._screen.act(GiveFiles(overlay=message.overlay, files=viewer.upload.take()))
            case messages.Drop():
                try:
                    drop = DropFiles(tab=message.tab, x=message.x, y=message.y, files=viewer.upload.take())
                except ValueError:
                    raise messages.Malformed from None
                return self._screen.act(drop)
            case messages.Save():
                content = self._screen.content(message.overlay)
                if content is not None:
                    viewer.hand(message.overlay, content)
            case (
                messages.Ack()
                | messages.Start()
                | messages.TakeControl()
                | messages.AnswerTakeover()
                | messages.Renew()
                | messages.Complete()
                | messages.Unable()
                | messages.MoreTime()
            ):
                """Not for the session."""
            case _:
                return self._screen.act(message)
        return True

    def _start(self, viewer: Viewer) -> None:
        arrival = self._viewers[viewer]
        if not arrival.has_started:
            arrival.has_started = True
            if viewer is self._controller:
                # The page may have taken the focus back since the person arrived.
                self._screen.take_focus_away()
        viewer.tell("input", messages.reach(arrival.state))

    # --- control -----------------------------------------------------------------------------------------------------

    def _ask_for_control(self, viewer: Viewer) -> None:
        if self._controller is None:
            self._pass_control(viewer)
        elif viewer is self._controller:
            self._tell_control()
        elif self._takeover is None:
            self._takeover = Takeover(
                asker=viewer, holder=self._controller, on_granted=self._granted, seconds=self._takeover_seconds
            )
        elif viewer is not self._takeover.asker:
            # One asks at a time.
            viewer.tell("takeover", messages.takeover("refused"))

    def _granted(self, viewer: Viewer) -> None:
        self._takeover = None
        if viewer.view.may_act:
            self._pass_control(viewer)

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
                self._screen.hand_over(may_submit=False)
                self._judge_submit()

    def _pass_control(self, viewer: Viewer | None) -> None:
        if viewer is self._controller:
            return
        if self._controller is not None:
            self._screen.let_go()
            self._controller.upload.drop()
        self._controller = viewer
        if viewer is not None:
            self._arrivals.note_control(self._viewers[viewer])
        for each, arrival in self._viewers.items():
            each.tell("input", messages.reach(arrival.state))
        self._judge_submit()
        self._tell_control()

    def _judge_submit(self) -> None:
        """Let the final request leave only while the one in control has started and clicked.

        Before, the press is a script's of the portal's page, and no person's.
        """
        viewer = self._controller
        allowed = (
            viewer is not None
            and viewer.view.may_act
            and viewer.view.may_submit
            and self._viewers[viewer].state == "open"
        )
        self._screen.allow_submit(allowed=allowed)

    def _tell_control(self) -> None:
        interactive = sum(each.view.may_act for each in self._viewers)
        for viewer in self._viewers:
            holder = "you" if viewer is self._controller else "person" if self._controller else "nobody"
            may_act = viewer.view.may_act
            text = messages.control(
                holder,
                interactive=interactive - may_act,
                watching=len(self._viewers) - interactive - (not may_act),
            )
            viewer.tell("control", text)
