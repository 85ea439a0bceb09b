"""Every error that homeroom raises on purpose.

HomeroomError
├── InputError          something that was read is not what it should be
│   ├── MappingError    a mapping file or a verb table makes no sense
│   └── SourceError     a file, a directory or a stream cannot be read at all
├── QuestionError       a question makes no sense, or asks for more than a bound allows
├── WorldError          the parameters of a generated world make no sense
├── DataDirectoryError  a loaded directory is damaged, locked, or of another version
├── ControlError        a change of definitions, keys or tenants makes no sense
├── HomeElsewhereError  a fact was to be stated in a node that is not the home of its world
├── NotYetError         a read wants an entry that has not come here in time
│   └── ShardsAwayError      a shard of the region is away or late
│       └── ShardsApartError     shards answer from different states
├── NotFreshError       a read wants what is newer than what has come here in time
├── SettingsError       a setting is unknown, or has a value that it may not have
├── AccessError         a key or a token does not open this
├── AuditError          the audit log cannot be written, or was changed
├── ErasureError        the register of erasures is missing, changed, or cannot be written
├── RightsError         what somebody asks for by right cannot be given as it was asked for
├── WebhookError        a webhook makes no sense, or its target may not be reached
├── NodeError           a node did not do what it was asked to
│   ├── RequestRefusedError  the request is wrong, so sending it again cannot help
│   ├── KeyRefusedError      the key does not open this
│   ├── ConflictError        it contradicts what is there, or was sent before
│   └── UnavailableError     the node did not answer in time, or takes nothing now
├── QueueFullError      what waits to be sent is as much as may wait
├── BackupError         a repository of backups cannot be used, or holds nothing that was asked for
│   └── DamagedBackupError  something in it is missing or damaged, or this key does not open it
├── EntryError          an entry of a log is damaged, or is not the one that was expected
├── MessageError        a message of another node cannot be read
├── RecordError         a statement, a document or a request of the record store breaks a rule
├── ProvingError        a plan of the proving ground asks for what cannot be
├── StoreError          a log's store cannot be read or written
├── VaultError          the vault of records is damaged, or cannot be read or written
└── KeyFileError        the pseudonym key is missing, unreadable or open to others

One rejected event is not an error: it is counted, written to the rejects file and shown in the summary
(``homeroom.events.model.Reject``). An error ends the command, and its message says what was met, where, which
bound or form it broke, and what to do.
"""

import traceback
from collections.abc import Mapping, Sequence

__all__ = [
    "AccessError",
    "AuditError",
    "BackupError",
    "ConflictError",
    "ControlError",
    "DamagedBackupError",
    "DataDirectoryError",
    "EntryError",
    "ErasureError",
    "HomeElsewhereError",
    "HomeroomError",
    "InputError",
    "KeyFileError",
    "KeyRefusedError",
    "MappingError",
    "MessageError",
    "NodeError",
    "NotFreshError",
    "NotYetError",
    "ProvingError",
    "QuestionError",
    "QueueFullError",
    "RecordError",
    "RecordsElsewhereError",
    "RequestRefusedError",
    "RightsError",
    "SettingsError",
    "ShardsApartError",
    "ShardsAwayError",
    "SourceError",
    "StoreError",
    "UnavailableError",
    "VaultError",
    "WebhookError",
    "WorldError",
    "kind_and_places",
]


class HomeroomError(Exception):
    """The root of the tree: catch this to catch all of homeroom's own errors."""


class InputError(HomeroomError):
    """Something that was read is not what it should be."""


class MappingError(InputError):
    """A mapping file or a verb table makes no sense; the message names file, key, value and the allowed values."""


class SourceError(InputError):
    """A file, a directory or a stream cannot be read at all."""


class QuestionError(HomeroomError):
    """A question makes no sense; the message names the field, its value and what is allowed."""


class WorldError(HomeroomError):
    """The parameters of a generated world make no sense; the message names one, its value and its bounds."""


class DataDirectoryError(HomeroomError):
    """A loaded directory is damaged, locked by another load, or written by a newer version."""


class ControlError(HomeroomError):
    """A change of definitions, keys or tenants makes no sense as things are; the message says why."""


class TenantElsewhereError(HomeroomError):
    """A tenant has nothing here: its events stay in another jurisdiction.

    Parameters
    ----------
    tenant : which
    regions : where it can be asked
    """

    def __init__(self, tenant: str, regions: tuple[str, ...]) -> None:
        where = ", ".join(regions) or "none that is known"
        super().__init__(
            f"nothing of {tenant} is here, since its events stay in another jurisdiction; ask in its regions: {where}"
        )
        self.regions = regions


class TenantLeftOutError(HomeroomError):
    """A tenant is stated, and left out here."""


class HomeElsewhereError(HomeroomError):
    """A fact was to be stated in a node that is not the home of its world.

    Parameters
    ----------
    home : the node that takes it
    """

    def __init__(self, home: str) -> None:
        super().__init__(
            f"what is stated is stated at the home of the world, the node {home}; send it there"
        )
        self.home = home


class RecordsElsewhereError(HomeroomError):
    """Records of somebody were asked for whose home is in another jurisdiction, and they are kept there alone.

    Parameters
    ----------
    home : the jurisdiction
    regions : those of it
    """

    def __init__(self, home: str, regions: tuple[str, ...]) -> None:
        super().__init__(
            f"the home of this person is in jurisdiction {home}, and these records are kept there; ask a node in "
            f"{', '.join(regions) or home}"
        )
        self.home, self.regions = home, regions


class NotYetError(HomeroomError):
    """A read asked to be after an entry that has not come here within the time that a read waits."""


class ShardsAwayError(NotYetError):
    """A shard of the region is away or late, so what all learners come to is not known; ask again."""


class ShardsApartError(ShardsAwayError):
    """Shards answer from different states, so their parts make no whole.

    Parameters
    ----------
    message : what differs
    places : which of the parts differ from the first, by their places among all parts
    """

    def __init__(self, message: str, places: Sequence[int]) -> None:
        super().__init__(message)
        self.places = tuple(places)


class NotFreshError(HomeroomError):
    """A read asked for fresher answers than what has come here within the time that it waits.

    Parameters
    ----------
    message : which region lags how much
    lagging : by region how many seconds ago all that it had written is here; None where that is not known
    """

    def __init__(self, message: str, lagging: Mapping[str, float | None]) -> None:
        super().__init__(message)
        self.lagging = dict(lagging)


class SettingsError(HomeroomError):
    """A setting is unknown, or has a value that it may not have; the message names it and what is allowed."""


class AccessError(HomeroomError):
    """A key or a token does not open what was asked for. The message holds nothing of the key."""


class AuditError(HomeroomError):
    """The audit log cannot be written, or is not what was written; then nothing that it must tell of is done."""


class ErasureError(HomeroomError):
    """The register of erasures is missing, is another or an older one, or cannot be written; nothing is erased then."""


class RightsError(HomeroomError):
    """What somebody asks for by right cannot be given as it was asked for; the message names nobody."""


class WebhookError(HomeroomError):
    """A webhook makes no sense, or its target may not be reached; the message holds nothing of its secret."""


class NodeError(HomeroomError):
    """A node did not do what it was asked to; the message holds nothing of the key, nor of what was sent.

    Parameters
    ----------
    message : what was asked, what stands against it, and what to do
    name : of the problem, as ``docs/reference/http.md`` lists them; empty where the node told none
    status : of the answer; 0 where there was none
    field, bound : what of the request is wrong, and over which bound; None where the node does not say
    """

    def __init__(
        self,
        message: str,
        *,
        name: str = "",
        status: int = 0,
        field: str | None = None,
        bound: str | None = None,
    ) -> None:
        super().__init__(message)
        self.name = name
        self.status = status
        self.field = field
        self.bound = bound


class RequestRefusedError(NodeError):
    """The request is wrong: the same one would be refused again."""


class KeyRefusedError(NodeError):
    """The key opens nothing, or not this."""


class ConflictError(NodeError):
    """The request contradicts what is there: another batch under its id, or a definition that has changed since."""


class UnavailableError(NodeError):
    """The node did not answer within the time limit, or takes nothing now.

    A batch may have been taken all the same: send it again under the same id.
    """


class QueueFullError(HomeroomError):
    """What waits to be sent is as much as may wait; nothing of the event was taken."""


class BackupError(HomeroomError):
    """A repository of backups cannot be used, is used by another command, or does not hold what was asked for."""


class DamagedBackupError(BackupError):
    """Something in a repository is missing or is not what was written, or the key is another; the message names it."""


class EntryError(HomeroomError):
    """An entry of a log is damaged, forged, or not the one that follows; the message names origin and number."""


class MessageError(HomeroomError):
    """A message of another node is too long, or cannot be read; it is dropped, and whatever it told is told again."""


class RecordError(HomeroomError):
    """A statement, a document or a request of the record store breaks a rule of the standard.

    Parameters
    ----------
    field : path of what breaks it, in the words of the standard, such as ``actor.account.name``
    rule : what it must be; never what it was, which may name a person
    remedy : what to do, where the rule does not say it
    """

    def __init__(self, field: str, rule: str, remedy: str = "") -> None:
        super().__init__(field, rule, remedy)
        self.field = field
        self.rule = rule
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the whole sentence."""
        named = f"{self.field} {self.rule}" if self.field else self.rule
        return f"{named}; {self.remedy}" if self.remedy else named

    def under(self, outer: str) -> "RecordError":
        """Return the same error, its field within another."""
        inner = self.field if self.field.startswith("[") or not self.field else f".{self.field}"
        return RecordError(outer + inner, self.rule, self.remedy)


class ProvingError(HomeroomError):
    """A plan of the proving ground asks for what cannot be, or a run has left too little to conclude from."""


class StoreError(HomeroomError):
    """A log's store cannot be read or written: the disk is full or failing, or a database does not answer.

    Whatever was being written has not been acknowledged, and whether it is there is not known.
    """


class VaultError(HomeroomError):
    """The vault of records is damaged, of a newer version, or cannot be read or written; nothing is opened then."""


class KeyFileError(HomeroomError):
    """The pseudonym key is missing, unreadable, of the wrong size, or readable by others."""


def kind_and_places(error: BaseException) -> str:
    """Return of what kind an error is and which places it came through, and not what it says.

    An error that nobody has foreseen may quote anything: a name in a batch, a line of a file.
    """
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    places = " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {places}" if places else type(error).__name__
