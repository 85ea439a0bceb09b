"""Every bound of homeroom, in one file, each with what it protects.

A bound that is met ends in a counted reject or in a clear error, never in a crash or a silent cut. Invariants
between bounds are asserted at the foot of the file, so that a change that breaks one cannot be imported.
"""

from typing import Final

# --- reading ---------------------------------------------------------------------------------------------------
CHUNK_BYTES: Final = 1 << 21
"""Text is decoded in chunks of about this size, so that one broken line costs one chunk's second look."""
LINE_BYTES_MAX: Final = 16 << 20
"""A longer line is rejected and skipped without being held in memory (a statement is about 1 kB)."""
DECOMPRESSED_BYTES_FREE: Final = 256 << 20
"""The ratio of a compressed file is not judged before it has grown to this size."""
DECOMPRESSION_RATIO_MAX: Final = 400
"""Logs compress 5 to 60 times; gzip cannot exceed 1032. Beyond this the rest of the file is refused as a bomb."""
DECOMPRESSOR_WINDOW_BYTES_MAX: Final = 128 << 20
"""A zstd or xz stream that asks for a larger window (``--ultra --long=31``) is refused: memory would hold it."""
DOCUMENT_BYTES_MAX: Final = 512 << 20
"""A JSON document (one array, not a statement a line) and a columnar file on standard input have to be held as a
whole; a larger one is refused, with the advice to write one statement a line, or to name the file."""
SNIFF_LINES_MAX: Final = 1_000
"""Lines at the head of a file that are tried before it is said that it holds no events."""
QUOTED_LINES_MAX: Final = 1_000
"""Lines that one quoted field of a CSV file may span. A quote that is never closed would else swallow the file."""
BATCH_ROWS: Final = 1 << 17
"""Rows of a record batch that is read from Parquet, Arrow or a table in memory."""
PAGE_BYTES_MAX: Final = 256 << 20
"""A page of a Parquet file that is scanned; a file with larger ones is read by Arrow, a batch at a time."""
PAGE_HEADER_DEPTH_MAX: Final = 4
"""Structures within structures of a page's header; the format has two."""
SCAN_GROUP_ROWS_MAX: Final = 1 << 23
"""Times of one row group are held while its accounts are read; a larger group is read by Arrow, a batch at a time."""
SCAN_WINDOW_ROWS: Final = 1 << 18
"""Events that a scan folds at once: enough for each partition, and few enough for the processor's cache."""
LOOKUP_BYTES_MAX: Final = 256 << 20
"""A file that a mapping looks values up in is held in memory as a whole."""
REJECT_LINES_MAX: Final = 1_000_000
"""Lines of a rejects file; what is rejected beyond is counted and not written."""
JSON_PIECE_BYTES: Final = 1 << 17
"""Lines of JSON that are decoded in one call: as many are decoded once more where one of them is broken."""
JSON_DEPTH_MAX: Final = 64
"""Deeper nesting is refused before a recursive decoder sees it."""

# --- events ----------------------------------------------------------------------------------------------------
TIME_MS_MIN: Final = 631_152_000_000
"""1990-01-01T00:00:00Z: what is older is a broken clock (epoch 0, year 0), not learning."""
TIME_MS_MAX: Final = 4_102_444_800_000
"""2100-01-01T00:00:00Z, excluded: year 3000 is a broken clock."""
ATTRIBUTE_VALUES_MAX: Final = 1_000
"""Distinct values of one attribute. An attribute with more could identify people: it is left out whole, and said."""
ATTRIBUTES_MAX: Final = 32
"""Attributes of a data set. Further ones are left out, and that is said; which ones, the order of the files decides."""
TEXT_BYTES_MAX: Final = 4_096
"""A verb, activity, course, id or account that is longer is a reject."""
ANSWER_BYTES_MAX: Final = 1_024
"""A longer answer in a statement or a log line is left out of its event: it is no choice among a few."""
DICTIONARY_VALUES_MAX: Final = 1 << 24
"""Distinct verbs, activities, courses, sections or answers of a data set; events with further ones are rejects. A
column with more is no vocabulary but an id, and would fill the memory."""
KEY_FILE_BYTES_MAX: Final = 4_096
"""A key file holds 64 digits and comments; a longer file is something else that was named by mistake."""
ISSUERS_MAX: Final = 65_536
"""Issuers whose hash state is kept between batches; beyond it they are forgotten and worked out anew."""

# --- state -----------------------------------------------------------------------------------------------------
PARTITIONS: Final = 8
"""The subject tables are cut by the top bits of the key, so that as many threads fold without locks. A power of
two; more of them would cut runs of one first day shorter, which costs triangles."""
DAYS_PER_WORD: Final = 63
"""Nine whole weeks; the top bit stays clear."""

FOLD_EVENTS: Final = 1 << 16
"""Events that wait for each other before they are folded into the tables together."""
SEGMENT_EVENTS_MAX: Final = 8_000_000
"""Events that wait in memory before they are sorted into a segment of history: some 0.6 GB."""
ROW_GROUP_EVENTS: Final = 1 << 18
"""Events in a row group of a segment on disk."""
SEGMENTS_APART_MAX: Final = 4
"""Segments in files that may lie apart; where there are more, small ones become one."""
MERGED_EVENTS_MAX: Final = 1 << 31
"""Events of a segment that was merged: the places of ids are numbers of 32 bits."""
MERGED_STRIP_EVENTS: Final = 1 << 19
"""Events of neighbouring learners that are sorted at once when segments are merged: some 0.2 GB on their way."""
MAPPED_VALUES_MAX: Final = 65_536
"""Distinct numbers of a column listed beside a segment, for two bytes an event; one with more is kept as it is."""
MAPPED_HELD_BYTES: Final = 128 << 20
"""What of a segment's mapped columns is looked at before its pages are given back to the system."""
VOIDS_MAX: Final = 100_000_000
"""Voided ids of a data set: eight bytes each are held."""
EDGES_MAX: Final = 1_000_000
"""Edges between the accounts of one learner, those that were taken back included: some 0.5 GB when looked at."""
ERASED_KEYS_MAX: Final = 10_000
"""Raw keys that one erasure names: the accounts of one person, or of a class that is erased at once."""
ERASURE_DUE_MS: Final = 30 * 86_400_000
"""By then nothing of an erased person may be left but in backups: a month, as the GDPR allows (article 12, 3)."""
ERASURE_RETRY_MS: Final = 60_000
"""What could not be cleaned is tried again after so long."""
REDACTED_ENTRIES: Final = 64
"""Entries that are looked through at once when they are redacted: each may have a megabyte."""
ERASED_MAX: Final = 10_000_000
"""Raw keys of a data set that are erased, for ever: sixteen bytes each, and every event is looked up in them."""
CONSENTS_MAX: Final = 10_000_000
"""Consents and restrictions of a data set, those that are superseded included: some 70 bytes each, in memory."""
ARCHIVE_BYTES_MAX: Final = 500_000_000
"""What one person gets in an archive, which is made in memory: statements and documents, and as much of events."""
REQUESTS_MAX: Final = 10_000
"""Requests of persons that a tenant knows, answered ones included: all nodes keep them for ever."""
SUPERSEDED_MAX: Final = 1_000
"""Facts that one consent supersedes, purposes of a tenant, events of a person that are put right at once."""
JOINED_SEGMENTS_MAX: Final = 8
"""Segments of events of merged accounts that a question walks through beside the stored ones."""
OUT_OF_PLACE_ROWS_MAX: Final = 512
"""Rows of a partition that may lie out of place when questions are asked, as long as they are few among all: a
triangle takes some ten nanoseconds for each, and putting them in their places takes a tenth of a second."""
DERIVED_ROWS_MAX: Final = 8_192
"""Rows of a partition of which it is known that they were written to since questions worked something out of all: as
long as there are no more, only these are looked at again."""

# --- log -------------------------------------------------------------------------------------------------------
HYBRID_AHEAD_MS_MAX: Final = 500
"""A stamp that is further ahead of the local clock does not move it: one broken clock must not move all others."""
ENTRY_BYTES_MAX: Final = 1 << 20
"""Compressed payload of an entry: what one message between regions carries, and a larger batch is refused."""
ENTRY_UNPACKED_BYTES_MAX: Final = 64 << 20
"""The same without compression, refused before it is unpacked."""
ENTRY_EVENTS_MAX: Final = 1 << 17
"""Events of an entry."""
GROUP_EVENTS_MAX: Final = 20_000
"""Events of waiting batches that are written together: more would make the first of them wait."""
GROUP_BYTES_MAX: Final = 8 << 20
"""Bytes of the bodies of waiting batches that are written together."""
GROUP_GATHER_MS: Final = 1.0
"""If more than one batch was written together, the next write waits so long for more: each costs a fixed amount."""
OFFERS_WAITING_MAX: Final = 20_000
"""Batches that wait to be written; a further one is told to come again."""
JOURNAL_BYTES: Final = 4 << 20
"""A file of the log moves its journal's pages to their places when about so much was written."""
COLLECT_ENTRIES_MAX: Final = 256
"""Entries that one call of a store's `collect` forgets, so that no write waits long for it."""
STORE_LOCK_WAIT_MS_MAX: Final = 5_000
"""How long a store waits for another process that holds its database, and for a server to answer a connection."""
STORE_FILES_MAX: Final = 1_000
"""Files of one log; each but the first was begun because the one before could not be written."""

# --- regions ---------------------------------------------------------------------------------------------------
AFTER_MAX: Final = 256
"""Entries that one read may ask to be after: the vector of a world of a hundred nodes, and a header of some 20 kB."""
FRESH_S_MAX: Final = 10_000
"""What may be asked of the age of an answer, and for how long it may be waited for; nodes wait for less."""
WORLD_NODES_MAX: Final = 64
"""Nodes of one world; each tells the others what it holds."""
ORIGINS_TOLD_MAX: Final = 4_096
"""Origins of one message: lives of nodes that are not closed, three streams each."""
MESSAGE_BYTES_MAX: Final = 4 << 20
"""One message between nodes; a longer one is not looked at."""
FABRIC_MESSAGES_MAX: Final = 1_024
"""Messages that wait in a fabric, each way; beyond it the oldest are lost, and whoever misses them asks again."""
FABRIC_BYTES_MAX: Final = 32 << 20
"""Bytes of these."""
FABRIC_PAYLOAD_BYTES_MAX: Final = MESSAGE_BYTES_MAX + (1 << 10)
"""What a server of the fabric takes at once: the longest message and how it is packed; NATS warns above 8 MB."""
FABRIC_PACKED_BYTES_MIN: Final = 256
"""A shorter message is not compressed."""
FABRIC_PEERS_MAX: Final = 256
"""Nodes of which a fabric counts what it carried, those that have left included; further ones are counted together."""
FABRIC_CONNECT_MS_MAX: Final = 5_000
"""How long a connection to the fabric may take to be made."""
FABRIC_CLOSE_MS_MAX: Final = 500
"""How long the end of a connection is waited for."""
FABRIC_WAIT_MS: Final = 100
"""After so long another connection is tried, and after twice as long the next time."""
FABRIC_WAIT_MS_MAX: Final = 2_000
"""The longest of these pauses."""
FABRIC_PING_MS: Final = 2_000
"""So often a connection is tried; one that does not answer twice is given up, and so is one that takes nothing."""
REGIONS_MAX: Final = 64
"""Regions of a world, those that are only made ready included."""
STREAM_NAMES_MAX: Final = 2 * REGIONS_MAX
"""Streams that a process knows: three, and one for each jurisdiction for which documents are sealed elsewhere."""
REGIONS_FILE_BYTES_MAX: Final = 1 << 20
"""A file of regions."""
MESSAGE_ENTRIES_MAX: Final = 256
"""Entries of one message, and of one write of entries that came from others."""
PULL_BYTES: Final = 1 << 20
"""Entries that one answer to a pull carries, beside the one that reaches this: what is under way to a node."""
PULL_RANGES_MAX: Final = 64
"""Origins that one pull asks for."""
MISSING_ORIGINS_MAX: Final = 4_096
"""Origins of which it is kept that others have more; of further ones it is found again when there is room."""
PULL_WAIT_MS_MAX: Final = 2_000
"""After so long without an answer to a pull, another node is asked."""
PULL_PATIENCE_MS: Final = 300
"""What somebody else has is asked for after so long: it is probably on its way from whoever wrote it."""
PUSH_AHEAD_MAX: Final = 64
"""Entries that are sent to a node unasked beyond what it has said it holds; then it is left to ask."""
GAP_ENTRIES_MAX: Final = 1_024
"""Entries that wait in memory for one that is missing before them; others are asked for later."""
GAP_BYTES_MAX: Final = 32 << 20
"""Payloads of these."""
ARRIVED_ENTRIES_MAX: Final = 1_024
"""Entries of others that wait to be written; nothing is asked for meanwhile."""
ARRIVED_BYTES_MAX: Final = 32 << 20
"""Payloads of these."""
LOOKS_MAX: Final = 16
"""Answers to pulls that are being read from the log at once; whoever asks beyond it asks again."""
GOSSIP_MS: Final = 1_000
"""So often a node tells some others what it holds."""
GOSSIP_PEERS: Final = 2
"""Nodes that are told each time, by chance."""
RULINGS_MAX: Final = 10_000
"""Rulings on entries of the future that count; each is of a range of one origin."""
SNAPSHOT_WAIT_MS_MAX: Final = 10_000
"""After so long without the snapshot of another node, one is asked for again."""
SHIPPED_PART_BYTES: Final = 1 << 20
"""Bytes of a snapshot that go to another node in one message."""
SHIPPED_PARTS_MAX: Final = 8
"""Pieces of a snapshot that are asked for at once; what lies in the fabric of both nodes is no more than these."""
SHIPPED_FILES_MAX: Final = 20_000
"""Files of a snapshot that goes to another node."""
SHIPPED_WAIT_MS: Final = 2_000
"""A piece of a snapshot that has not come after so long is asked for again."""
SHIPMENT_SILENT_MS_MAX: Final = 30_000
"""A snapshot of which nothing came for so long is given up; the node that gave it drops what nobody asked for."""
SHIPPED_FREE_BYTES: Final = 64 << 20
"""So much of its disk a node leaves free when it fetches a snapshot: its own log goes on meanwhile."""
SHIPMENTS_MAX: Final = 4
"""Snapshots that are kept for other nodes at once; the oldest goes."""
LIFE_SILENT_MS: Final = 3_000
"""A life of a node is over when another one of it was heard, and it has said nothing for so long."""
ENDINGS_MS: Final = 1_000
"""So often the home looks which lives are over, and states it."""
ENDINGS_MAX: Final = 1_000
"""Lives, and origins, that one entry states to be over; the others are stated next."""
LIVES_KNOWN_MAX: Final = 64
"""Earlier lives of a node whose late messages are known for what they are."""
CLOCK_SAMPLES: Final = 8
"""Comparisons with the clock of another node of which the one with the quickest answer counts."""
CLOCK_AGE_MS_MAX: Final = 30_000
"""An older comparison of clocks does not count."""
CLOCK_START_MS_MAX: Final = 2_000
"""So long a node that starts waits to hear what time it is elsewhere before it takes batches."""
CLOCK_ROUND_MS_MAX: Final = 500
"""A comparison of clocks whose answer took longer does not count: half of that is how wrong it may be."""
STRAY_MS_MAX: Final = 250
"""A node whose clock is further from the median of all takes no batches, so that nobody has to hold its entries."""
HELD_RUNS_MAX: Final = 4_096
"""Runs of entries of an origin that wait for their time; beyond it neighbours wait together, for the later time."""
WAITING_MAX: Final = 20_000
"""Clients that wait for other regions, or for entries that they know of; a further one hears at once how far it is."""
SECONDED_MS_MAX: Final = 5_000
"""A home that has heard no other node for longer states no retention cut: nobody would hold it soon."""
MEMBER_TICK_MS: Final = 100
"""So often a node of a world looks whether time has passed: what it does late by this, it does late."""
LIFE_PAUSE_MS_MAX: Final = 60_000
"""After lives that ended soon, a node waits longer each time before it begins another, up to this."""
ALARM_MS: Final = 600_000
"""So long an alarm is told about what may have passed by itself, such as a message that could not be read."""
STRANGER_AGAIN_MS: Final = 60_000
"""So often a node that speaks and belongs to no world is told again; twice as long after the last time that is over."""
LEFT_STOP_MS: Final = 300_000
"""So long a node that has left may go on to send before that is told: its operator is about to stop it."""
ALARMS_KEPT: Final = 64
"""Alarms about other nodes that are shown at once; the oldest goes."""
CHECK_MS: Final = 10_000
"""So often all nodes compare fingerprints."""
CHECK_WAIT_MS_MAX: Final = 2_000
"""So long a node folds nothing beyond a mark of which others' are missing; then that comparison is void."""
REDACTED_MS: Final = 7_000
"""So long after a redacted entry a node compares nothing: a check lasts up to three waits, and stamps may be off."""
CHECKS_KEPT: Final = 8
"""Latest checks of which fingerprints are kept, so that those of slower nodes are compared too."""
PARTS_EXPANDED_MAX: Final = 4
"""Parts of a state that differs from another node's of which smaller parts are told at a check, some kilobytes each."""
SUMS_TOLD_MAX: Final = 1_200
"""Sums of parts of a state in a message: of all partitions, and of some parts 256 each."""
PART_PATH_BYTES_MAX: Final = 19
"""The path to a part of a state: three bytes, and for a row its key."""
ROWS_TOLD_MAX: Final = 32
"""Rows that are named where two states differ; all are counted."""
DOUBT_AGAIN_MS: Final = 30_000
"""What is folded and in doubt is tried to be folded anew again after so long, where that was not possible."""
EARLY_TOLD_MS: Final = 60_000
"""Entries from the future that wait longer than this for their time are told as a trouble."""
CHECK_SILENCE_MS_MAX: Final = 600_000
"""If fingerprints were compared with nobody for so long, it is an alarm: nothing has been proven."""


# --- control -----------------------------------------------------------------------------------------------------
NAME_CHARACTERS_MAX: Final = 200
"""Characters in the name of a tenant, a key or a definition."""
TENANTS_MAX: Final = 1_000
"""Tenants of a node; each has tables and dictionaries of its own."""
KEYS_MAX: Final = 10_000
"""Keys of all tenants, those that were revoked included."""
KEY_PLACES_MAX: Final = 100
"""Course runs and organisations that a key may be limited to; all of them are conditions of each of its questions."""
USERS_MAX: Final = 10_000
"""People of all tenants who may sign in to the pages."""
PASSWORD_HASH_CHARACTERS_MAX: Final = 512
"""Characters of a password's hash, with its salt and how it was made."""
PASSWORD_CHARACTERS_MIN: Final = 10
"""Characters of a password of the pages; length is what makes one hard to guess (NIST SP 800-63B, 3.1.1)."""
PASSWORD_CHARACTERS_MAX: Final = 256
"""Longer ones are refused before anything is worked out of them."""
SESSIONS_MAX: Final = 20_000
"""People who are signed in to a node's pages at once; then whoever was idle longest is signed out."""
FIRST_TOLD_MAX: Final = 20_000
"""Figures of whole weeks of which a node remembers what it told first, so that it can say that they are others now."""
SIGN_IN_SENT_MAX: Final = 5_000
"""Browsers that are at a provider to sign in there; then the one that went first has to go once more."""
SIGN_IN_SENT_MS_MAX: Final = 600_000
"""For so long a browser may be there."""
SIGN_IN_CHECKS_MAX: Final = 2
"""Passwords that are checked at once: each takes 64 MiB and a tenth of a second of four lanes."""
SIGN_IN_TRIES: Final = 6
"""Passwords that may be tried for one name from one address in a row; one more comes back each half minute."""
SIGN_IN_TRIES_OF_ADDRESS: Final = 60
"""Passwords that may be tried from one address in a row, for whatever names; a proxy is one address to a node."""
SIGN_IN_TRIES_OF_NAME: Final = 200
"""Passwords that may be tried for one name from wherever: more than a person needs, far fewer than a guess does."""
FORM_BYTES_MAX: Final = 16 << 10
"""Body of a form that a page sends."""
QUERY_CHARACTERS_MAX: Final = 8_192
"""Characters of the address of a page, in which its question stands."""
HOMES_MAX: Final = 10_000
"""Issuers and learners of a tenant whose home is stated; for many accounts an issuer stands for all of them."""
HISTORY_DAYS_MAX: Final = 36_525
"""Days for which history may be said to be kept: a hundred years. More is a slip; for ever has a word of its own."""
CONTROL_BYTES_MAX: Final = 512 << 10
"""One definition or verb table; an entry must hold it."""
SUPPRESS_BELOW: Final = 10
"""Whoever may not see persons is told no count from 1 up to this, excluded, where the tenant says nothing else."""

# --- batches that clients send -----------------------------------------------------------------------------------
SENT_EVENTS_MAX: Final = 20_000
"""Events of one batch, and rows of one message of an Arrow stream: more would make all others wait."""
REFUSALS_TOLD_MAX: Final = 100
"""Refused events of a batch that are told one by one; of the rest it is said how many they are."""

# --- running node ----------------------------------------------------------------------------------------------
FROZEN_MS_MAX: Final = 1_000
"""Questions to history that come within this time share a frozen state: each costs a copy of the rows."""
FOLD_ENTRIES_MAX: Final = 256
"""Entries that are unpacked at once, to be folded."""
JOINED_BYTES: Final = 1 << 18
"""Payloads of entries that are joined at once, or a larger one: questions wait for some thousand events."""
FOLLOWED_BYTES_MAX: Final = 64 << 20
"""Payloads of durable entries that wait in memory to be folded; beyond it they are read from the log again."""
CHECK_PERIOD_MS: Final = 24 * 3_600_000
"""After so long everything that is on disk is read again, to see that it is whole."""
CHECK_REST: Final = 19
"""Whoever reads everything again rests so many times as long as it has worked: a twentieth of a core."""
CHECK_FAULTS_MAX: Final = 64
"""After so many entries in a row that cannot be read, the rest of an origin waits for the next round."""
CHECKED_ENTRIES: Final = 16
"""Entries of the log that are read again at once: at most so many MB."""
CONTROL_WAIT_S_MAX: Final = 30
"""How long a command waits for the node that runs on its directory."""
LOOK_WAIT_S_MAX: Final = 5
"""How long each node that runs here is waited for when it is asked how its world looks."""
REPAIR_WAIT_S_MAX: Final = 7_200
"""How long a command waits for a node that folds its log anew."""
GATHER_MS: Final = 25
"""If entries come during a fold or so soon after it, more are gathered for so long: each fold costs a fixed amount."""
GATHER_AWAITED_MS: Final = 5
"""The same where a read or a command waits for an entry: it waits so long at most, and there are 200 folds a second."""
PAUSE_MS: Final = 200
"""After so long without a new entry, what was folded is sealed and rows are put in their places."""
SEAL_EVENTS: Final = 1 << 16
"""Events that have been folded and are sealed into history even while more are coming."""

# --- interface -----------------------------------------------------------------------------------------------
JSON_WHOLE_MAX: Final = (1 << 53) - 1
"""The largest whole number that every reader of JSON takes for what it is (RFC 8259, section 6)."""
BUCKETS_MAX: Final = 20_000
"""Keys and tokens whose rate is watched at once."""
CALLERS_HELD: Final = 20_000
"""Ways in which keys that open were given, and are known again without being looked for; then it begins anew."""
BATCH_ID_CHARACTERS_MAX: Final = 200
"""Characters of an `Idempotency-Key`."""
QUESTION_BYTES_MAX: Final = 1 << 20
"""Body of a question, and of a definition that is put."""
HEADER_BYTES_MAX: Final = 32 << 10
"""All headers of a request; a client that sends more is cut off."""
BODY_RATIO_MAX: Final = 200
"""How much larger a body may become by decompression; events compress 5 to 30 times."""
BODY_MEMBERS_MAX: Final = 1_000
"""Compressed streams laid end to end in one body: an empty one has nine bytes and costs 16 microseconds."""
BODY_WINDOW_BYTES_MAX: Final = 8 << 20
"""Memory that a zstd body may ask for, which is what RFC 8878 wants a decoder to offer."""
AUDIT_RECORD_BYTES_MAX: Final = 64 << 10
"""One record of the audit log."""
AUDIT_STATED_MS: Final = 3_600_000
"""So often where the audit log ends is stated in the control stream, if it has grown; what is cut off shows by it."""
AUDIT_TOLD_AGAIN_MS: Final = 60_000
"""So often a node that is not the home says where its audit log ends, as long as that is not stated."""
TOKEN_CHARACTERS_MAX: Final = 16_384
"""Characters of a bearer token of a provider."""
KEY_SET_BYTES_MAX: Final = 1 << 20
"""A provider's set of public keys."""
BODY_BYTES_FREE: Final = 1 << 20
"""A body that unpacks to no more than this is not asked for its ratio."""

# --- cache -----------------------------------------------------------------------------------------------------
CACHE_ENTRIES_MAX: Final = 5_000_000
"""Entries of one process's cache, as many as a region is to keep; each takes a few hundred bytes beside its value."""
CACHE_TAGS_MAX: Final = 64
"""What one entry of a cache may depend on; an answer that depends on more is not kept."""
CACHE_SMALL_SHARE: Final = 0.1
"""Share of a cache in which entries prove themselves before they may stay; also the largest share of one value."""
CACHE_PROVING_HITS: Final = 1
"""Hits after which an entry stays when it leaves the small queue (decision 0035 says what more of them cost)."""
CACHE_TURNS_MAX: Final = 256
"""Entries that one fill may send round again before one goes that was asked for, so that no fill takes long."""
CACHE_VALUE_BYTES_MAX: Final = 1 << 20
"""A larger answer is kept in no cache that nodes share: it would hold up all others on its way."""
CACHE_REFUSAL_MS: Final = 1_000
"""So long it is kept that a question cannot be answered from the data: who asks again costs nothing meanwhile."""
CACHE_JITTER: Final = 0.1
"""Answers of one moment expire within this share of their time, and not together."""
CACHE_LEASE_MS: Final = 2_000
"""A node that makes an answer for its region has so long; a lease that was lost is over then."""
CACHE_LEASE_WAIT_MS: Final = 100
"""So long a node waits for an answer that another one makes; then it makes its own."""
CACHE_LEASE_LOOK_MS: Final = 10
"""So often it looks whether that is there."""
CACHE_WARM_KEYS_MAX: Final = 1_000
"""Answers of a tenant that a node tells others are asked for most, and a new node fetches first."""
CACHE_HOTTEST_LOOKS: Final = 16
"""Keys that are looked at for each of those that were asked for most: a few milliseconds in all."""
CACHE_WARM_MS: Final = 30_000
"""So often it tells them."""
TOUCHED_STEPS_MAX: Final = 1_024
"""Folds of a tenant of which it is known what they touched; beyond, every second of the older ones is dropped."""
TOUCHED_LEARNER_BITS: Final = 16
"""A tenant's learners share two to the power of this many places; who shares one is taken to be written to together."""
REDIS_CONNECTIONS_MAX: Final = 32
"""Connections of a node to a Redis; requests beyond wait for one within their time."""
REDIS_WORLD_MS_MAX: Final = 500
"""A request to the Redis of another region: across the world and back, and no longer than an engine that is busy."""
REDIS_SWEEP_KEYS: Final = 1_000
"""Keys that are looked at in one step where those of a tenant are removed: a Redis serves nobody else meanwhile."""
REDIS_SWEEP_MS_MAX: Final = 2_000
"""One such step; a place that takes longer is tried again later."""
BREAKER_FAILURES_MAX: Final = 3
"""Failures in a row after which nobody waits for a place any more."""
BREAKER_PAUSE_MS: Final = 250
"""After so long one request tries again; the pause doubles while that fails."""
BREAKER_PAUSE_MS_MAX: Final = 8_000
"""A place that is back is used again after so long at the latest."""
CACHE_KEY_LOG_BYTES_MAX: Final = 64 << 20
"""A log of keys; one that is full takes the place of the one before it, and a new one begins."""
CACHE_KEY_LINES_MAX: Final = 100_000
"""Lines of a log of keys that wait to be written; while there are as many, requests are not counted at all."""
CACHE_KEY_LOG_MS: Final = 2_000
"""How often what waits is written: often enough that what a node that is killed loses does not matter."""
CACHE_ADVICE_KEYS_MAX: Final = 20_000
"""Keys of a log that advice is computed from; of a log with more, those with the smallest fingerprints."""
CACHE_ADVICE_REQUESTS_MAX: Final = 20_000_000
"""Requests of a log of keys that are read; a longer log is refused, with the advice to sample less."""

# --- record store ----------------------------------------------------------------------------------------------
RECORD_BODY_BYTES_MAX: Final = 640 << 10
"""Body of a request to the record store, attachments included. Sealed it does not compress, and what one request
changes must fit into one entry of the log."""
RECORD_CHANGE_BYTES_MAX: Final = 960 << 10
"""Operations of one request, encoded: an entry of the log holds at least one request."""
RECORD_CHANGE_UNITS_MAX: Final = 1 << 16
"""Operations of one change."""
LABELS_SEALED_MAX: Final = 1_024
"""Labels of hashed ids that are sealed together."""
CATALOGUE_NAMES_MAX: Final = 10_000
"""Registered ids and prefixes of a tenant, of one kind."""
RECORD_QUERY_BYTES_MAX: Final = 32 << 10
"""Query string of a request to the record store."""
PASSAGE_PART_BYTES_MAX: Final = 4 << 20
"""One statement, or form of a person, that was sealed for another jurisdiction, unpacked: several times any body."""
STATEMENTS_SENT_MAX: Final = 2_000
"""Statements of one request."""
STATEMENTS_PAGE_MAX: Final = 500
"""Statements of a page of results; the rest is behind its `more` link."""
STATEMENTS_PAGE_BYTES_MAX: Final = 8 << 20
"""A page of results ends after the statement, its attachments included, that takes it beyond this size."""
STATEMENTS_FOLLOWED_MAX: Final = 100
"""Statements that one statement refers to, over others in between, and is found by: such chains have no end else."""
MEMBERS_MAX: Final = 1_000
"""Agents of a group in a statement: each has a key of their own."""
PARTS_MAX: Final = 200
"""Parts of a multipart body."""
DOCUMENT_IDS_MAX: Final = 10_000
"""Ids of documents that one request lists, the latest changed."""
PORTRAITS_SHOWN_MAX: Final = 100
"""Names, and forms of a person, that are read for one Person object."""
DEFINITION_BYTES_MAX: Final = 64 << 10
"""What is known of one activity, joined from all statements; what would make it longer is not joined."""
VAULT_CACHE_KIB: Final = 64 << 10
"""Pages of the vault's file that one connection holds in memory, in KiB."""
VAULT_JOURNAL_STEP_CHANGES: Final = 4_096
"""Rows that are changed before pages of the vault's journal are brought to its file; about half a page each. The log
waits for the disk meanwhile."""
VAULT_JOURNAL_CHANGES: Final = 32_768
"""Rows that are changed before all pages of the vault's journal are brought to its file, so that it begins anew."""
VAULT_JOURNAL_PAGES_MAX: Final = 131_072
"""Pages of 4 KiB of the vault's journal, beyond which whoever writes waits until they are in the file."""
RECORD_COPY_PIECE_BYTES: Final = 4 << 20
"""Bytes of the vault's file, or of a copy, that are read before its copier rests."""
RECORD_COPY_REST: Final = 1
"""Whoever copies the vault's file rests so many times as long as it has worked, after each piece and the whole."""
RECORD_PRINT_REST: Final = 9
"""Whoever works out the fingerprint of a vault rests so many times as long as it has worked: nobody waits for it."""
SUBJECT_KEYS_HELD: Final = 1 << 16
"""Keys of persons that are held unwrapped in memory, the last used."""
FORMS_HELD: Final = 1 << 16
"""Forms of persons and definitions of activities that are known to be in the vault, the last used."""

# --- membership -------------------------------------------------------------------------------------------------
CHANGES_KEPT_MAX: Final = 5_000_000
"""Changes of membership that are kept to be read, by tenant: some 0.1 GB; whoever reads too late takes members anew."""
CHANGES_READ_MAX: Final = 500
"""Changes of membership that are read at once: some millisecond, for which others wait."""
CHANGES_SCANNED_MAX: Final = 1 << 18
"""Changes of membership that are looked through at once for those of one cohort."""
CHANGES_TOLD_MAX: Final = 1_000
"""Changes of membership in one answer over HTTP: whoever asks for one learner waits while they are read."""
MEMBERS_READ_MAX: Final = 10_000
"""Members of a cohort that are read at once."""
SURVEY_AHEAD_MS: Final = 60_000
"""So long before a local midnight all learners are asked what they are in the day after."""
CATCH_UP_LEARNERS_MAX: Final = 10_000
"""Of the learners that are touched while all are asked, so many are asked anew after each fold."""
SURVEY_AT_ONCE_LEARNERS_MAX: Final = 20_000
"""So few learners are all asked between two folds; of more, history is asked beside the fold."""
CLOCK_BACK_MS_MAX: Final = 3_600_000
"""A clock that is set back by less does not bring yesterday back; one that is set back by more was wrong before."""
PLACED_ROWS_MAX: Final = 1 << 16
"""Learners that are given rows at once when all have been asked: whoever reads memberships waits for it."""
TICK_MS: Final = 500
"""A node that nothing comes to looks so often whether a day has ended."""
FRESHNESS_MS: Final = 1_000
"""Whoever listens to changes of membership hears at least so often how far they have come."""
# --- webhooks ------------------------------------------------------------------------------------------------
WEBHOOKS_MAX: Final = 200
"""Webhooks of all tenants; each may hold some connections open, and all of them are looked at in each step."""
WEBHOOK_URL_CHARACTERS_MAX: Final = 2_000
"""Characters of a webhook's address."""
WEBHOOK_COHORTS_MAX: Final = 100
"""Cohorts that one webhook names; one that names none is told of all."""
WEBHOOK_SECRET_BYTES: Final = 32
"""Random bytes of a secret that signs; Standard Webhooks wants at least 24."""
WEBHOOK_SECRETS_BYTES_MAX: Final = 1 << 20
"""The file of secrets: some hundred bytes each."""
WEBHOOK_OVERLAP_MS_MAX: Final = 30 * 86_400_000
"""How long after a secret was changed the one before may still sign: 30 days."""
DELIVERY_CHANGES_MAX: Final = 100
"""Changes that are sent together: some 20 kB, which receivers can take in one go."""
DELIVERIES_OPEN_MAX: Final = 16
"""Deliveries of a webhook that are under way or wait to be tried again; what comes after them waits on the disk."""
DELIVERIES_UNDER_WAY_MAX: Final = 4
"""Requests to one target at once; after a failure it is one until one succeeds."""
DELIVERY_ATTEMPTS_MAX: Final = 100
"""Attempts of one delivery before it becomes a dead letter."""
DELIVERY_AGE_MS_MAX: Final = 3 * 86_400_000
"""Three days from the first attempt of a delivery until it becomes a dead letter."""
BACKOFF_MS: Final = 1_000
"""Pause after a first failure; it doubles with each further one."""
BACKOFF_MS_MAX: Final = 3_600_000
"""Longest pause between attempts, whatever a target asks for: an hour."""
DEAD_LETTERS_TOLD_MAX: Final = 100
"""Dead letters in one answer: some 2 MB."""
DEAD_LETTERS_MAX: Final = 1_000
"""Dead letters of a webhook that are kept; of older ones only the numbers are."""
WEBHOOK_TAKEN_MAX: Final = 10_000
"""Changes of membership that are taken in one step; whoever has more hands them over in parts."""
WEBHOOK_KEPT_MAX: Final = 10_000_000
"""Changes of a tenant that are kept for webhooks that do not get rid of them: some 1.5 GB; a webhook that is further
behind loses the oldest, and says which."""
WEBHOOK_MEASURED: Final = 100_000
"""Changes that are kept before it is looked again whether there are too many."""
WEBHOOK_SCANNED_MAX: Final = 10_000
"""Changes that are looked through at once for those that a webhook wants."""
WEBHOOK_TRIMMED: Final = 1_000
"""Changes that everybody has had are forgotten when their numbers go so far, or when nobody is behind."""
WEBHOOK_ATTEMPT_MS_MAX: Final = 15_000
"""How long an attempt may take in all, from the look-up of the name to the end of the answer."""
WEBHOOK_CONNECT_MS_MAX: Final = 5_000
"""How long a connection to one address of a target may take."""
WEBHOOK_ADDRESSES_MAX: Final = 16
"""Addresses of a target that are looked at; a name with more is not trusted."""
WEBHOOK_ANSWER_BYTES_MAX: Final = 64 << 10
"""Bytes of an answer that are read, and thrown away, so that the connection can be used again; beyond it is closed."""
WEBHOOK_DRAIN_MS_MAX: Final = 1_000
"""How long the rest of an answer whose status is known may take; then the connection is closed."""
WEBHOOK_STOP_MS_MAX: Final = 2_000
"""How long a node that stops waits for requests under way; what is not answered then is sent again later."""
WEBHOOK_LOOKUPS_MAX: Final = 16
"""Look-ups of names at once: each waits in a thread of its own."""
# --- backups ---------------------------------------------------------------------------------------------------
BACKUP_PART_BYTES: Final = 8 << 20
"""A file is cut into parts of this size, and a part that is in the repository already is not sent again."""
BACKUP_PACK_BYTES: Final = 8 << 20
"""Payloads of the log's entries that are packed into one object; an entry more may go in."""
BACKUP_OBJECT_BYTES_MAX: Final = 64 << 20
"""An object of a repository that is larger is not read: it is held in memory as a whole."""
BACKUP_ENTRIES: Final = 1_000
"""Entries of the log, and records of batches, that a backup or a restore holds at a time beside those of a pack."""
BACKUP_TRIES_MAX: Final = 10
"""How often a backup begins anew because the node has written snapshots faster than they could be read."""
BACKUP_MS_MAX: Final = 24 * 3_600_000
"""A backup that takes longer is not finished: the mark by which nothing is removed under it lasts no longer. What it
has sent stays, so the next one ends sooner."""
PRUNING_MS_MAX: Final = 3_600_000
"""Old backups are removed for so long at a time, and no backup is made meanwhile."""
KEPT_BACKUPS_MAX: Final = 100_000
"""Backups that one repository may be told to keep, by number or by days."""
OBJECT_TRIES_MAX: Final = 8
"""How often a request to an object store is sent again that had no answer."""
OBJECT_WAIT_MS_MAX: Final = 60_000
"""How long an object store may take to answer, all tries together."""
PASSPHRASE_CHARACTERS_MIN: Final = 16
"""A shorter passphrase can be found by trying, by whoever has the repository."""
SCRYPT_LOG2_COST_MAX: Final = 20
"""Work and memory (1 GB) that a repository may ask for before its passphrase opens it."""

# --- routing -----------------------------------------------------------------------------------------------------
ORDERS_MAX: Final = 2 * WORLD_NODES_MAX
"""Orders of operators that a node keeps and hands on: one for each region, and one for each node."""
ORDER_STAMP_STEP_MAX: Final = 1_000_000
"""An order whose number is further beyond the greatest that is known is refused: no world has been given so many, and
whoever could send it would have the last word for ever."""
ORDERS_BYTES_MAX: Final = 1 << 20
"""The file in which a node keeps orders."""
ROUTE_TICK_MS: Final = 500
"""Routes are worked out anew so often, and at once when a verdict or an order changes."""
ROUTE_FIRST_MS: Final = 5_000
"""A node that has no routing table yet makes one after so long, though it has not heard every other node."""
ROUTE_HOLD_MS: Final = 3_000
"""A node or region must be well for so long before it is sent anything again. It doubles with each fall."""
ROUTE_HOLD_MS_MAX: Final = 600_000
"""And goes up to this: what falls again and again is tried every ten minutes."""
ROUTE_FORGET_MS: Final = 600_000
"""A fall this long after the one before is a first one."""
ROUTE_RETURN_STEP_MS: Final = 5_000
"""A region that returns gets a larger share so often."""
ROUTE_RETURN_SHARE: Final = 0.1
"""What it gets at first, and with each step more: caches fill, and what is wrong with it meets few."""
ROUTE_FULL_LOAD: Final = 0.85
"""A region busier than this sends a part of its clients to the next one, before it has to turn them away."""
ROUTE_GOOD_LOAD: Final = 0.7
"""What regions are filled up to by what others send; one that is below takes its own clients back."""
ROUTE_SHIFT_MS: Final = 5_000
"""Shares move so often at most: by then what was moved shows in the load."""
ROUTE_SHARE_MIN: Final = 0.1
"""A region that is well keeps this share of its clients, however busy it is."""
ROUTE_SETTLE_MS: Final = 15_000
"""What was moved to others is counted against them for so long; by then it is part of their load."""

ROUTES_REFUSED_TOLD_MS: Final = 60_000
"""That a message about traffic was refused, or could not be worked with, is told as a trouble for so long."""
FRONT_DOOR_CHECK_MS_MAX: Final = 2_000
"""A front door does not wait longer for a node to say whether it is ready."""
FRONT_DOOR_CONNECTIONS_MAX: Final = 4_000
"""Connections of clients that a generated front door holds at once."""
FRONT_DOOR_BODY_BYTES_MAX: Final = 32 << 10
"""A longer body is not sent again by a front door when a node dies under it: its client has to."""
FRONT_DOOR_CHECK_MS: Final = 1_000
"""A front door asks each node so often whether it is ready; one that has failed twice as often."""
FRONT_DOOR_PROGRAM_S_MAX: Final = 20
"""How long HAProxy may take to read a configuration."""
ZONE_TTL_S: Final = 30
"""Names of a generated DNS zone may be remembered for so long: by then clients ask for those that serve."""

# --- detection of faults -----------------------------------------------------------------------------------------
HEARTBEAT_MS: Final = 500
"""A node says so often to every other one that it lives. Two in a row that do not come are a suspicion on a good link:
requests go elsewhere about 1 s after a death; at 1 s it was twice that."""
HEARTBEAT_BYTES_MAX: Final = 1 << 16
"""A heartbeat, with what else it carries; a longer one is refused before it is decoded."""
HEARTBEAT_CARRIED_BYTES_MAX: Final = 3 << 14
"""What a heartbeat carries for others than the detector (orders of operators)."""
FORMER_LIVES_MAX: Final = 16
"""Earlier lives of each node that are remembered, so that a late heartbeat of one of them counts for nothing."""
DETECTOR_TICK_MS: Final = 100
"""A detector judges so often: no verdict is later by more than this."""
AWAKE_STEP_MS_MAX: Final = 300
"""The most that time may go on between two looks of a detector. What is beyond was a pause of this node itself, and is
no silence of others."""
SUSPICION_MAX: Final = 3.0
"""A node is suspected at this suspicion: its link would stay silent for so long once in a thousand times."""
SUSPECT_SILENT_MS_MAX: Final = 4_000
"""However bad a link is, so long a silence is a suspicion: requests are elsewhere before 8 s."""
CONFIRM_MS: Final = 5_000
"""A region says that a node is gone if it could not reach it for so long: who was reached in 99 of 100 tries over the
last 5 s has not been silent for as long."""
OPINION_MS_MAX: Final = 2_500
"""What another node thinks counts for so long after it was sent: half of what it has to say before it is a vote, so
that nobody was reachable again for as long as the figures ask when he is confirmed to be gone."""
ECHO_MS_MAX: Final = 4_000
"""A vote counts if its node had heard what was sent to it so long ago at most: so nobody was reached for as long as the
figures ask since it was true."""
DEAF_MS: Final = 1_500
"""That a node does not hear this one counts from here on: as long as it takes, after a pause of this node, until all
have heard it again and said so."""
RECOVER_MS: Final = 2_000
"""Nothing bad must have been seen for so long before a node that was suspected is fine again."""
PROBE_MS: Final = 1_000
"""A node asks each other one so often, as clients would, whether it is ready."""
PROBE_WAIT_MS: Final = 5_000
"""Such a question is not waited for longer. An answer that comes before is slow, and shows that its node is there."""
PROBE_LATE_MS: Final = 3_000
"""A question that is open for so long is a suspicion."""
PROBE_ANSWER_BYTES_MAX: Final = 1 << 16
"""Of the answer to such a question no more is read."""
PROBE_SLOW_MS_MAX: Final = 1_500
"""An answer that takes longer is slow, whatever the link is used to."""
PROBES_SLOW: Final = 3
"""So many slow answers in a row are a suspicion; fewer are chance."""
PROBES_FAILED_SUSPECT: Final = 2
"""So many questions in a row without a good answer are a suspicion."""
PROBES_FAILED_CONFIRM: Final = 5
"""Before so many have failed in a row, no failure counts as a vote, however long it lasts."""
PROBES_OPEN_MAX: Final = 6
"""So many questions to one node are open at a time: as many as are asked until the first is given up. Who waited for it
before he asks again would know only then that all is well since."""

# --- clients ---------------------------------------------------------------------------------------------------
CLIENT_ANSWER_BYTES_MAX: Final = 256 << 20
"""A longer answer is not read on by a client: it would be held in memory."""
CLIENT_DETAIL_CHARACTERS_MAX: Final = 500
"""Characters of what a node says of a problem that an error of the client repeats."""
CLIENT_GZIP_BYTES_MIN: Final = 4 << 10
"""A client compresses larger bodies; of smaller ones it would save less than a packet."""
RETRY_WAIT_MS: Final = 100
"""Longest pause before a first retry; it doubles with each further one, and a random part of it is waited."""
RETRY_WAIT_MS_MAX: Final = 20_000
"""Longest pause before a retry, unless the node asks for a longer one."""
RETRIES_PER_REQUEST: Final = 0.1
"""Retries that each request earns: a node that fails gets a tenth more of them, not a multiple."""
RETRY_RESERVE: Final = 3
"""Retries that a client may make before it has earned any, and at most keeps while it asks little."""
RETRY_WINDOW_MS: Final = 10_000
"""A client that asks much keeps what the requests of so long have earned."""
RETRY_EVERY_MS: Final = 5_000
"""A client that has used up its retries makes one in so long, so that it finds out when the node is back."""
RETRY_EVERY_MS_MAX: Final = 60_000
"""It doubles while such retries are of no use, up to this."""
RETRY_LOOK_MS: Final = 500
"""How often a request that a retry budget puts off looks whether others have found who answers."""
RETRY_WELL_AFTER: Final = 10
"""Answers in a row, with no failure between them, after which each further one lets a retry go that waits."""
RETRY_WELL_MS: Final = 1_000
"""Such an answer took no longer: whoever has too much to do, and sheds nothing, answers later than that."""
RETRY_DEBT_MAX: Final = 10
"""Retries that a client may owe: a request whose connection is lost moves to another endpoint before that is paid."""
ENDPOINTS_MAX: Final = 256
"""Addresses that one client knows: those that it was given, and those of a routing table."""
ENDPOINT_CONNECT_MS: Final = 1_500
"""An endpoint that takes no connection for so long is left for another, if there is one."""
ENDPOINT_ATTEMPT_MS: Final = 4_000
"""A first attempt may take so long where there is another endpoint, each further one of the request twice as long."""
ENDPOINT_ATTEMPT_MS_MIN: Final = 1_500
"""And never less, however quick the endpoint was until then."""
ENDPOINT_PATIENCE_TIMES: Final = 10
"""An endpoint whose times are known has so many times as long as one in twenty of its answers took."""
ENDPOINT_MEASURES: Final = 64
"""Last answers of an endpoint whose times a client keeps, of reads and of writes."""
ENDPOINT_MEASURES_MIN: Final = 8
"""With fewer times nothing is said of how quick an endpoint is."""
ENDPOINT_SLOW_TIMES: Final = 4
"""An endpoint whose middle answer takes so many times as long as that of another goes to the end of the order."""
ENDPOINT_SLOW_MS: Final = 250
"""And takes so much longer: less is no reason to leave the nearest."""
ENDPOINT_SLOW_FOR_MS: Final = 15_000
"""For so long; then it is measured anew."""
CIRCUIT_MS: Final = 1_000
"""An endpoint that has failed is left alone for so long, then one request tries it; doubled while that fails too."""
CIRCUIT_MS_MAX: Final = 30_000
"""Longest time for which an endpoint that fails is left alone, and for which one is that asked for it."""
ROUTES_BYTES_MAX: Final = 256 << 10
"""A longer routing table is none: a world has so many nodes at most, each some hundred bytes."""
ROUTES_MS: Final = 15_000
"""A client asks for a newer routing table after so long, when it makes a request."""
ROUTES_HURRY_MS: Final = 2_000
"""And after so long at most, a random part of it, when a request has failed or none was heard yet; never sooner."""
ROUTES_WAIT_MS: Final = 4_000
"""How long a client waits for a routing table, from one endpoint."""
WRITTEN_MS: Final = 60_000
"""For so long a read names what its client wrote last at each node; the last entry of all it names for ever."""
WRITTEN_MAX: Final = 16
"""Origins whose last entries a client keeps to name them: nodes that it wrote at within a minute."""
HEDGE_MS: Final = 1_000
"""A read without an answer for so long is asked of a second endpoint too, where nothing is known of the first."""
HEDGE_MS_MIN: Final = 50
"""Sooner no read is asked twice, however quick its endpoint was."""
HEDGES_PER_READ: Final = 0.1
"""Second questions that each read earns."""
HEDGE_RESERVE: Final = 10
"""Second questions that a client may ask before it has earned any, and at most keeps."""
ADDRESS_WAIT_MS: Final = 250
"""So long a client, or a node, waits for one address of a name before it tries the next one beside it (RFC 8305, 5)."""
ADDRESSES_TRIED_MAX: Final = 8
"""Addresses of one name that a client tries for a connection."""
HEDGE_THREADS: Final = 16
"""Threads of a client that waits, for reads that may be asked twice; where all are busy, reads are asked once."""
SENDER_EVENTS_MAX: Final = 100_000
"""Events that wait in a sender or are under way; whoever adds more waits."""
SENDER_BYTES_MAX: Final = 64 << 20
"""Bytes of events that wait in a sender or are under way."""
SENDER_UNDER_WAY_MAX: Final = 16
"""Batches that a sender has under way at once."""
STREAM_LINE_BYTES_MAX: Final = 1 << 20
"""A longer line of a stream of changes is none of a node's."""
STREAMS_MAX: Final = 256
"""Streams of changes that a node has open at once; each costs it a connection and a look a second."""
UNTAKEN_MS_MAX: Final = 30_000
"""A client that takes nothing of an answer for so long is cut off; of a stream it goes on later where it was."""

# --- questions -------------------------------------------------------------------------------------------------
PERIODS_MAX: Final = 2_500
"""Periods of one question; a triangle has half the square of it in cells."""
BREAKDOWN_VALUES_MAX: Final = 25
"""Values of a breakdown that are shown; the rest is said, and joined in `(other)`."""
RULE_DEPTH_MAX: Final = 32
"""Rules within rules of a cohort's definition."""
STEPS_MAX: Final = 20
"""Steps of a funnel or of a sequence."""
EXCLUSIONS_MAX: Final = 10
"""Kinds of events that end a chain of a funnel; with its steps they are bits of one word of 32."""
PATH_DEPTH_MAX: Final = 20
"""Steps of a path that are told apart."""
PATH_BRANCHES_MAX: Final = 50
"""Nodes of one step of paths that are told apart; the rest is joined in `(other)`."""
WINDOW_DAYS_MAX: Final = 36_600
"""Days of a window: a hundred years."""
COUNT_MAX: Final = 1_000_000_000
"""Events or days that a rule may ask for."""
COHORTS_MAX: Final = 1_000
"""Cohorts of one file of definitions, and lists, and calendars."""
LIST_MEMBERS_MAX: Final = 10_000_000
"""Members of one static list."""
WRITTEN_FILE_BYTES_MAX: Final = 16 << 20
"""A file of questions or of definitions is written by people."""
ANSWER_FILE_BYTES_MAX: Final = 256 << 20
"""An answer that was kept in a file: a triangle of a year of days has some 10 MB."""
EXPLAINED_EVENTS_MAX: Final = 1 << 20
"""Events and voids between two vectors, of which one explains a cell: some 100 bytes each, in memory."""
EXPLAINED_PIECE_EVENTS: Final = 1 << 20
"""Events of learners, those of before too, that an explanation looks at at once."""
EXPLAINED_SUBSETS_MAX: Final = 1 << 8
"""Subsets of the entries that concern one learner, all of which are asked where it cannot be known otherwise which of
them mattered; where there are more, all that concern the learner are named, and that is said."""
EXPLAINED_LEARNERS_MAX: Final = 20_000
"""Learners of whom every order of entries is tried: some milliseconds each."""
EXPLAINED_ENTRIES_MAX: Final = 1_000
"""Entries that an explanation names, those that mattered to most learners; the others are counted."""
CONFLICT_FACTS_MAX: Final = 1 << 20
"""Different facts of a stretch of time that are compared for conflicts: some 80 bytes each. Where there are more, the
newest are, and that is said."""
CONFLICT_ENTRIES_MAX: Final = 8
"""Entries that are named of one conflict."""
CONFLICTS_TOLD_MAX: Final = 200
"""Conflicts that are told one by one; the others are counted."""
CONFLICT_DAYS_MAX: Final = 3_660
"""Days back for which conflicts are asked."""
OVERLAP_SETS_MAX: Final = 40
"""Sets of cohorts that learners are in and that are shown, the largest first."""
OVERLAP_COHORTS_MAX: Final = 64
"""Cohorts whose overlaps are shown together: one bit each."""
RISK_WEEKS_MAX: Final = 400
"""Weeks that the trend of enrolments at risk goes back: as many periods as a chart draws."""
RISK_ROWS_MAX: Final = 10_000
"""Enrolments at risk that an answer shows; its table holds all."""
RISK_COURSES_MAX: Final = 1_000
"""Course runs that an answer about enrolments at risk tells apart, those with most; `(other)` is the rest."""

# --- course reports --------------------------------------------------------------------------------------------
REPORT_COURSES_MAX: Final = 12
"""Course runs that one report sets side by side."""
REPORT_BLOCK_EVENTS: Final = 1 << 21
"""Events of some learners that are read together while those of a course are picked out."""
REPORT_ITEMS_MAX: Final = 500
"""Sections, pages, videos and problems of a course run told one by one, of most learners; others are counted."""
REPORT_ANSWERS_MAX: Final = 20
"""Different answers to a problem that are told, the most frequent; the rest is joined."""
VIDEO_SECONDS_MAX: Final = 21_600
"""Length of a video, and position in it, that is believed: six hours. Seconds are counted one by one."""

# --- charts and pages ------------------------------------------------------------------------------------------
CHART_PERIODS_MAX: Final = 400
"""Newest groups or periods that a chart draws, so that each keeps two pixels; it says how many there are."""
CHART_TITLED_CELLS_MAX: Final = 2_500
"""Cells of a heat map that carry their own numbers on hover; a denser one is drawn as one path a colour."""
CHART_PATH_NODES_MAX: Final = 12
"""Nodes of one step of paths that a chart tells apart, so that each keeps a label's height."""
REPORT_TRIANGLE_PERIODS_MAX: Final = 60
"""Newest groups and first columns of a triangle that the page shows as a table; the CSV beside it holds all."""
REPORT_STANDARD_COURSES: Final = 3
"""Course runs, those with most learners, whose reports a page holds; each is a part of the page of its own."""
REPORT_ROWS_MAX: Final = 400
"""Newest rows of a table of numbers in the page; the CSV beside it holds all."""

# --- overload --------------------------------------------------------------------------------------------------
OVERLOAD_INGEST_MS: Final = 250
"""What events and statements may take on average, once they are let in, before fewer are: a client waits for it."""
OVERLOAD_QUERY_MS: Final = 500
"""The same of questions: somebody looks at a page that waits for it."""
OVERLOAD_EXPORT_MS: Final = 10_000
"""The same of exports: lists of members, explanations, records of a person."""
OVERLOAD_IN_FLIGHT_MAX: Final = 1_024
"""Requests of a class that are under way at once: as many as there are connections without a setting."""
OVERLOAD_EXPORTS_MAX: Final = 32
"""Exports that are under way at once: each may hold a page of a large answer."""
OVERLOAD_QUEUE_MAX: Final = 512
"""Requests of a class that wait to be let in; each may hold a body."""
OVERLOAD_WINDOW_MS: Final = 100
"""Over at least so long it is measured how long requests take, before more or fewer are let in."""
OVERLOAD_WINDOW_MS_MAX: Final = 1_000
"""Where few requests come, it is looked after so long at what there is."""
OVERLOAD_SAMPLES: Final = 8
"""So many requests say something in a short window."""
OVERLOAD_BASE_MS: Final = 30_000
"""So long it is believed that a delay is not of the crowd but of the disk, before it is looked at anew."""
OVERLOAD_BASE_MS_MAX: Final = 600_000
"""The longest that this is believed, if it was found again and again."""
OVERLOAD_RETRY_S_MAX: Final = 5
"""No refusal asks to wait longer: all who were refused should have come again well before ten seconds are over."""
OWN_FILES: Final = 512
"""Open files that a node keeps for itself, where the system allows few: its log, snapshots, and what it connects to."""
WATCHING_CONNECTIONS_MAX: Final = 64
"""Connections beyond all others on which a node says whether it is well."""
OVERLOAD_FLOWS_MAX: Final = 64
"""Callers whose tenant is not known before they are let in share so many places in the order."""

# --- proving ---------------------------------------------------------------------------------------------------

PROVING_EXPONENT_MAX: Final = 1.1
"""A figure grows linearly at most where the interval of its exponent ends here or below."""
PROVING_SIZE_MAX: Final = 10_000_000_000
"""Learners up to which projections look for the end of a machine: all people."""
PROVING_WORLDS: Final = 200
"""Worlds of which years are drawn, each with rates of its own; intervals are over them."""
PROVING_YEARS: Final = 20_000
"""Years that are drawn of all worlds together."""
PROVING_YEARS_AT_ONCE: Final = 2_000
"""Years in which what is down at the same time is looked at together: some hundred MB."""
PROVING_SHARE_MIN: Final = 1e-9
"""A smaller share of what all ask is none."""
PROVING_CHANCE_MAX: Final = 0.01
"""Chance that a build is called worse that is not, over all its figures."""
PROVING_SHIFT_MIN: Final = 1.05
"""A figure that is less than this many times as bad as before is as it was."""
PROVING_APART_MIN: Final = 1.5
"""One run alone counts where it is this many times as bad as those before."""
PROVING_HISTORY_MAX: Final = 64
"""Newest runs that are looked at."""
PROVING_SHUFFLES: Final = 10_000
"""Shuffled runs by which is known how far apart chance sets them."""
PROVING_SECONDS_MAX: Final = 86_400.0
"""Length of one run of a plan: a day."""
PROVING_QUESTIONS_MAX: Final = 10_000_000
"""Questions of one run: their times are settled before the first one, eight bytes each."""
PROVING_PLACES_MAX: Final = 256
"""Places from which users ask in a plan of geography."""
PROVING_REGIONS_MAX: Final = 8
"""Regions of a plan of resilience: each is a node and its servers, on one machine."""
PROVING_USERS_MAX: Final = 32
"""Programs at each region of such a plan."""
PROVING_RATE_ELSEWHERE_MAX: Final = 2_000.0
"""Requests a second to another machine, whoever owns it: more is a flood to whatever stands between."""
PROVING_QUICK_LEARNERS: Final = 100_000
"""Learners of the quick form of a plan that says nothing else."""
PROVING_QUICK_S: Final = 20.0
"""Length of the quick form of a plan that says nothing else."""
PROVING_PLAN_BYTES_MAX: Final = 1 << 20
"""A plan's file; a longer one is none."""
PROVING_COMPARED_MAX: Final = 50
"""Answers of one phase of a test of geography that are compared with what is true."""
DELAYED_PIECES_MAX: Final = 4_096
"""Pieces of a stream, of 256 KiB at most, that are under way over a distance; the sender is not read beyond."""
DELAYED_BACKLOG: Final = 1_024
"""Connections that wait to be taken by a door."""

# --- generated learners ----------------------------------------------------------------------------------------
GENERATED_LEARNERS_MAX: Final = 100_000_000
"""Learners of a generated world: eight bytes an enrolment are held, 1.1 GB at this bound."""
GENERATED_EVENTS_MAX: Final = 10_000_000_000
"""Lines of a generated log."""
GENERATED_EVENTS_PER_DAY_MAX: Final = 1_000
"""Events a learner and day on average; more is no learning, and one visit would outgrow a block."""
GENERATED_DAYS_MAX: Final = 3_660
"""Days of a generated log: ten years."""
GENERATED_COURSES_MAX: Final = 500
"""Course runs of a generated log; the texts of their activities are held."""
GENERATED_LATE_DAYS_MAX: Final = 30
"""Longest delay of a late event."""
GENERATED_FILES_MAX: Final = 10_000
"""Files of one generated log."""
GENERATED_BLOCK_EVENTS: Final = 1 << 18
"""Events that are made at a time, about 100 bytes each."""
GENERATED_GROUP_ROWS: Final = 1_000_000
"""Rows of a row group of a generated Parquet file."""
REPORT_CSV_ROWS_MAX: Final = 25_000
"""Rows of a CSV inside of the page (about 1.5 MB); for a larger one the page names the command."""
# --- shards ------------------------------------------------------------------------------------------------------
SHARDS_MAX: Final = 256
"""Shards of a region: each is a process, and each question waits for the slowest of them."""
SHARD_SESSIONS_MAX: Final = 8
"""Questions that a shard works at together; the next one waits. Each holds a thread."""
SHARD_LATE_MS: Final = 60_000
"""A shard that has not said its part of an answer after so long is late: questions go on without it, or are refused."""
SHARD_APPLY_LATE_MS: Final = 300_000
"""A shard that has not folded what it was given after so long is given up, and made anew."""
SHARD_START_MS_MAX: Final = 60_000
"""A shard whose process has not begun after so long is given up."""
SHARD_PORTION_ENTRIES_MAX: Final = 256
"""Entries that are given to all shards at once: no question is begun while they are folded."""
SHARD_BEAT_MS: Final = 500
"""A node looks so often whether all of its shards are there; one that a question misses is made anew at once."""
SHARD_JOURNAL_BYTES_MAX: Final = 256 << 20
"""A node that finds a longer journal of portions begins a new one, and makes its shards anew from the log."""
BACKFILL_REJECTS_MAX: Final = 1_000
"""Of what is not taken of a row group, so many are told one by one."""
SCALE_WAIT_S_MAX: Final = 3_600.0
"""How long a command waits for a node that cuts its learners into another number of shards."""


assert REPORT_TRIANGLE_PERIODS_MAX**2 / 2 <= CHART_TITLED_CELLS_MAX < CHART_PERIODS_MAX**2
assert STEPS_MAX + EXCLUSIONS_MAX <= 32
assert PROVING_QUICK_LEARNERS <= GENERATED_LEARNERS_MAX
assert PROVING_QUICK_S < PROVING_SECONDS_MAX
assert RISK_WEEKS_MAX <= CHART_PERIODS_MAX
assert RETRY_WAIT_MS < RETRY_WAIT_MS_MAX
assert ORDERS_MAX * 300 < HEARTBEAT_CARRIED_BYTES_MAX < ORDERS_BYTES_MAX
assert ROUTE_TICK_MS < ROUTE_HOLD_MS < ROUTE_HOLD_MS_MAX <= ROUTE_FORGET_MS
assert ROUTE_SHARE_MIN <= ROUTE_RETURN_SHARE < ROUTE_GOOD_LOAD < ROUTE_FULL_LOAD < 1
assert ROUTE_SHIFT_MS < ROUTE_SETTLE_MS
assert RETRY_EVERY_MS < RETRY_EVERY_MS_MAX
assert ENDPOINT_CONNECT_MS <= ENDPOINT_ATTEMPT_MS_MIN < ENDPOINT_ATTEMPT_MS
assert CIRCUIT_MS < CIRCUIT_MS_MAX
assert ROUTES_HURRY_MS < ROUTES_MS
assert HEDGE_MS_MIN < HEDGE_MS < ENDPOINT_ATTEMPT_MS
assert ENDPOINT_MEASURES_MIN < ENDPOINT_MEASURES
assert DETECTOR_TICK_MS < AWAKE_STEP_MS_MAX < HEARTBEAT_MS < OPINION_MS_MAX
assert 2 * HEARTBEAT_MS < SUSPECT_SILENT_MS_MAX < CONFIRM_MS
assert 2 * OPINION_MS_MAX <= CONFIRM_MS
assert OPINION_MS_MAX < ECHO_MS_MAX < CONFIRM_MS
assert 2 * HEARTBEAT_MS < DEAF_MS < CONFIRM_MS
assert PROBES_FAILED_CONFIRM * PROBE_MS <= CONFIRM_MS
assert PROBE_SLOW_MS_MAX < PROBE_LATE_MS < PROBE_WAIT_MS < PROBES_OPEN_MAX * PROBE_MS
assert HEARTBEAT_CARRIED_BYTES_MAX < HEARTBEAT_BYTES_MAX
assert OVERLOAD_INGEST_MS < OVERLOAD_QUERY_MS < OVERLOAD_EXPORT_MS
assert OVERLOAD_WINDOW_MS < OVERLOAD_WINDOW_MS_MAX < OVERLOAD_BASE_MS < OVERLOAD_BASE_MS_MAX
assert OVERLOAD_RETRY_S_MAX > 1
assert SENT_EVENTS_MAX < SENDER_EVENTS_MAX
assert FRESHNESS_MS < UNTAKEN_MS_MAX
assert RECORD_BODY_BYTES_MAX < RECORD_CHANGE_BYTES_MAX < ENTRY_BYTES_MAX
assert BACKUP_PART_BYTES <= BACKUP_PACK_BYTES
assert BACKUP_PACK_BYTES + 4 * ENTRY_BYTES_MAX < BACKUP_OBJECT_BYTES_MAX
assert WORLD_NODES_MAX < FABRIC_PEERS_MAX
assert FABRIC_WAIT_MS < FABRIC_WAIT_MS_MAX < FABRIC_CONNECT_MS_MAX
assert MESSAGE_BYTES_MAX < FABRIC_PAYLOAD_BYTES_MAX < FABRIC_BYTES_MAX
assert PULL_BYTES + 2 * ENTRY_BYTES_MAX < MESSAGE_BYTES_MAX
assert SHIPPED_PARTS_MAX * SHIPPED_PART_BYTES < FABRIC_BYTES_MAX
assert SHIPPED_PART_BYTES < MESSAGE_BYTES_MAX
assert SHIPPED_WAIT_MS < SHIPMENT_SILENT_MS_MAX
assert CONTROL_BYTES_MAX < ENTRY_BYTES_MAX < GAP_BYTES_MAX
assert PULL_PATIENCE_MS < PULL_WAIT_MS_MAX
assert CLOCK_ROUND_MS_MAX <= 2 * STRAY_MS_MAX < 2 * HYBRID_AHEAD_MS_MAX
assert CHECK_WAIT_MS_MAX < CHECK_MS < CHECK_SILENCE_MS_MAX
assert 2 * PARTITIONS + 256 * PARTS_EXPANDED_MAX <= SUMS_TOLD_MAX
assert HYBRID_AHEAD_MS_MAX < EARLY_TOLD_MS
assert 3 * CHECK_WAIT_MS_MAX + HYBRID_AHEAD_MS_MAX + STRAY_MS_MAX < REDACTED_MS < CHECK_MS
assert DELIVERIES_UNDER_WAY_MAX < DELIVERIES_OPEN_MAX
assert DELIVERY_CHANGES_MAX <= WEBHOOK_SCANNED_MAX < WEBHOOK_KEPT_MAX
assert WEBHOOK_TAKEN_MAX < WEBHOOK_MEASURED < WEBHOOK_KEPT_MAX
assert BACKOFF_MS < BACKOFF_MS_MAX < DELIVERY_AGE_MS_MAX
assert WEBHOOK_CONNECT_MS_MAX < WEBHOOK_ATTEMPT_MS_MAX
assert BUCKETS_MAX >= KEYS_MAX
assert SENT_EVENTS_MAX <= GROUP_EVENTS_MAX <= ENTRY_EVENTS_MAX
assert ENTRY_BYTES_MAX < GROUP_BYTES_MAX < ENTRY_UNPACKED_BYTES_MAX
assert PARTITIONS & (PARTITIONS - 1) == 0
assert 0 < CACHE_SMALL_SHARE < 1
assert PROVING_YEARS % PROVING_WORLDS == 0
assert 1 < PROVING_SHIFT_MIN < PROVING_APART_MIN
assert CACHE_LEASE_LOOK_MS < CACHE_LEASE_WAIT_MS < CACHE_LEASE_MS
assert BREAKER_PAUSE_MS < BREAKER_PAUSE_MS_MAX
assert 1 <= CACHE_PROVING_HITS <= 3
assert DAYS_PER_WORD in range(7, 64, 7)
assert VIDEO_SECONDS_MAX * 1_000 < 1 << 26
assert CHUNK_BYTES < LINE_BYTES_MAX < DECOMPRESSED_BYTES_FREE
