// SPDX-License-Identifier: Apache-2.0
// size: one machine: collectives, messages and the streams that carry them out wait for each other under the same locks.
#include "tests/parallel/nccl_mock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <set>

#include "parallel/communicator_local.hpp"

namespace ergon {
namespace {

using Clock = std::chrono::steady_clock;
using World = NcclMock::World;

struct Part {  // what one rank brings to a meeting
  std::string operation;
  const void* send;
  void* receive;
  std::size_t count;
  int type, number;  // reduction or root
};

struct Meeting {
  std::vector<Part> parts;
  std::vector<bool> here;
  int arrived = 0;
  bool done = false;
};

// One side of a message that waits for the other.
struct Letter {
  void* data;
  std::size_t bytes;
  bool done = false;
};
using Letters = std::deque<std::shared_ptr<Letter>>;

struct Group {
  std::string name;
  int size, joined = 0;
  std::map<std::size_t, Meeting> meetings;
  std::map<std::tuple<int, int, bool>, Letters> mail;  // from, to, whether these are sends
  std::vector<std::tuple<int, int, int>> splits;       // key, rank, color of those who ask
  std::map<int, std::shared_ptr<Group>> made;
};

struct Rank {
  World* world;
  int number;
  MockScript script;
  std::vector<MockLaunch> launches;
  std::vector<std::string> trace;
  ErgonStream compute = nullptr;  // null: the thread of the rank
  int aborts = 0, meetings = 0;
};

struct Comm {
  Rank* owner;
  std::shared_ptr<Group> group, parent;
  int rank, key = 0, color = 0, polls = 0;
  std::size_t next = 0;
  std::atomic<bool> aborted{false};
};

struct Stream {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> queue;
  bool busy = false, ended = false;
  std::string prefix, last;  // what was launched last
  std::thread worker;
};

struct Event {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t recorded = 0, completed = 0;
  Clock::time_point at;
  std::string after;  // the launch that it was recorded behind
};

struct Comm;
struct MessagePart {
  Comm* comm;
  bool sends;
  void* data;
  std::size_t bytes;
  int peer;
};
struct OpenGroup {
  std::vector<MessagePart> parts;
  std::string text;
  ErgonStream stream = nullptr;
  bool failed = false;  // then none of it is launched
};

thread_local Rank* here = nullptr;
thread_local std::unique_ptr<OpenGroup> open_group;

constexpr auto patience = std::chrono::seconds(20);

std::size_t width(int type) {
  return type == ERGON_NCCL_UINT8                                    ? 1
         : type == ERGON_NCCL_FLOAT16 || type == ERGON_NCCL_BFLOAT16 ? 2
         : type == ERGON_NCCL_INT32 || type == ERGON_NCCL_FLOAT32    ? 4
                                                                     : 8;
}

template <typename T>
void reduce(void* into, const void* from, std::size_t count, int reduction) {
  T* a = static_cast<T*>(into);
  const T* b = static_cast<const T*>(from);
  for (std::size_t i = 0; i < count; ++i)
    a[i] = reduction == ERGON_NCCL_SUM   ? static_cast<T>(a[i] + b[i])
           : reduction == ERGON_NCCL_MAX ? std::max(a[i], b[i])
                                         : std::min(a[i], b[i]);
}

void reduce(void* into, const void* from, std::size_t count, int type, int reduction) {
  if (type == ERGON_NCCL_FLOAT32) return reduce<float>(into, from, count, reduction);
  if (type == ERGON_NCCL_FLOAT64) return reduce<double>(into, from, count, reduction);
  if (type == ERGON_NCCL_INT64) return reduce<std::int64_t>(into, from, count, reduction);
  if (type == ERGON_NCCL_INT32) return reduce<std::int32_t>(into, from, count, reduction);
  reduce<std::uint8_t>(into, from, count, reduction);
}

void carry_out(const std::vector<Part>& parts) {
  const Part& first = parts[0];
  const std::size_t bytes = first.count * width(first.type), n = parts.size();
  if (bytes == 0) return;  // what is empty may have no address
  const auto at = [](const void* data, std::size_t offset) { return static_cast<const char*>(data) + offset; };
  if (first.operation == "broadcast") {
    for (const Part& part : parts)
      if (part.receive != parts[static_cast<std::size_t>(first.number)].send)
        std::memcpy(part.receive, parts[static_cast<std::size_t>(first.number)].send, bytes);
  } else if (first.operation == "all_gather") {
    for (const Part& part : parts)
      for (std::size_t r = 0; r < n; ++r) std::memcpy(static_cast<char*>(part.receive) + r * bytes, parts[r].send, bytes);
  } else {
    const bool scatter = first.operation == "reduce_scatter";
    const std::size_t all = scatter ? n * bytes : bytes;
    std::vector<char> sum(all);
    std::memcpy(sum.data(), first.send, all);
    for (std::size_t r = 1; r < n; ++r) reduce(sum.data(), parts[r].send, all / width(first.type), first.type, first.number);
    for (std::size_t r = 0; r < n; ++r) std::memcpy(parts[r].receive, at(sum.data(), scatter ? r * bytes : 0), bytes);
  }
}

}  // namespace

struct NcclMock::World {
  mutable std::mutex mutex;
  std::condition_variable changed;
  bool ended = false, released = false;
  int ids = 0;
  std::vector<std::unique_ptr<Rank>> ranks;
  std::map<std::string, std::shared_ptr<Group>> groups;
  std::set<Comm*> live;
  std::vector<std::unique_ptr<Comm>> comms;
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<std::unique_ptr<Event>> events;
  std::vector<std::string> disagreements;
};

namespace {

Comm* comm_of(ErgonNcclComm comm) { return reinterpret_cast<Comm*>(comm); }
Stream* stream_of(ErgonStream stream) { return reinterpret_cast<Stream*>(stream); }
Event* event_of(ErgonEvent event) { return reinterpret_cast<Event*>(event); }

// The scripted answer of a call, 0 when there is none.
int scripted(Rank& rank, const std::string& call) {
  std::vector<int>& results = rank.script.results[call];
  if (results.empty()) return 0;
  const int result = results.front();
  results.erase(results.begin());
  return result;
}

int taken(Comm& comm) {
  comm.polls = comm.owner->script.polls;
  return comm.polls > 0 ? ERGON_NCCL_IN_PROGRESS : ERGON_NCCL_SUCCESS;
}

void work(Stream* stream) {
  std::unique_lock lock(stream->mutex);
  for (;;) {
    stream->changed.wait(lock, [&] { return stream->ended || !stream->queue.empty(); });
    if (stream->queue.empty()) return;
    const std::function<void()> task = std::move(stream->queue.front());
    stream->queue.pop_front();
    stream->busy = true;
    lock.unlock();
    task();
    lock.lock();
    stream->busy = false;
    stream->changed.notify_all();
  }
}

void enqueue(ErgonStream handle, std::function<void()> task) {
  Stream* stream = stream_of(handle);
  const std::lock_guard lock(stream->mutex);
  stream->queue.push_back(std::move(task));
  stream->changed.notify_all();
}

// A launch, as the trace names it.
void launched(Rank& rank, ErgonStream handle, const std::string& what) {
  Stream& stream = *stream_of(handle);
  stream.last = stream.prefix + what;
  rank.trace.push_back(stream.last);
}

void meet(Comm* comm, std::size_t number, const Part& part) {
  World& world = *comm->owner->world;
  std::this_thread::sleep_for(std::chrono::duration<double>(comm->owner->script.slow_seconds));
  std::unique_lock lock(world.mutex);
  if (comm->aborted) return;
  if (comm->owner->meetings++ == comm->owner->script.stands_still_at)
    return world.changed.wait(lock, [&] { return world.ended || comm->aborted; });
  Group& group = *comm->group;
  Meeting& meeting = group.meetings[number];
  meeting.parts.resize(static_cast<std::size_t>(group.size));
  const Part* other = nullptr;
  meeting.here.resize(static_cast<std::size_t>(group.size), false);
  for (std::size_t r = 0; r < meeting.here.size(); ++r)
    if (meeting.here[r]) other = &meeting.parts[r];
  if (other && (other->operation != part.operation || other->count != part.count || other->type != part.type))
    world.disagreements.push_back(group.name + ": " + part.operation + " met " + other->operation);
  meeting.parts[static_cast<std::size_t>(comm->rank)] = part;
  meeting.here[static_cast<std::size_t>(comm->rank)] = true;
  if (++meeting.arrived == group.size) {
    carry_out(meeting.parts);
    meeting.done = true;
    world.changed.notify_all();
  }
  world.changed.wait(lock, [&] { return meeting.done || world.ended || comm->aborted; });
}

int launch(const char* operation, const void* send, void* receive, std::size_t count, int type, int number, ErgonNcclComm handle,
           ErgonStream stream) {
  Comm* comm = comm_of(handle);
  if (const int result = scripted(*comm->owner, operation)) return result;
  comm->owner->launches.push_back({comm->group->name, operation, count, type});
  launched(*comm->owner, stream, fmt::format("{} {} {}", comm->group->name, operation, count));
  enqueue(stream, [comm, number = comm->next++, part = Part{operation, send, receive, count, type, number}] { meet(comm, number, part); });
  return taken(*comm);
}

// Meets the other side, or leaves a letter for it; under the world's lock.
std::shared_ptr<Letter> put(const MessagePart& part) {
  Group& group = *part.comm->group;
  const int from = part.sends ? part.comm->rank : part.peer, to = part.sends ? part.peer : part.comm->rank;
  auto letter = std::make_shared<Letter>(Letter{part.data, part.bytes});
  Letters& waiting = group.mail[{from, to, !part.sends}];
  if (waiting.empty()) {
    group.mail[{from, to, part.sends}].push_back(letter);
    return letter;
  }
  const std::shared_ptr<Letter> other = waiting.front();
  waiting.pop_front();
  if (other->bytes != part.bytes) part.comm->owner->world->disagreements.push_back(group.name + ": messages of two sizes");
  if (const std::size_t bytes = std::min(part.bytes, other->bytes); bytes > 0)
    std::memcpy(part.sends ? other->data : part.data, part.sends ? part.data : other->data, bytes);
  letter->done = other->done = true;
  return letter;
}

// All at once; ends when the last of them has met its other side.
void carry_messages(const std::vector<MessagePart>& parts) {
  World& world = *parts.front().comm->owner->world;
  std::unique_lock lock(world.mutex);
  if (parts.front().comm->aborted) return;
  std::vector<std::shared_ptr<Letter>> letters;
  for (const MessagePart& part : parts) letters.push_back(put(part));
  world.changed.notify_all();
  world.changed.wait(lock, [&] {
    return world.ended || parts.front().comm->aborted || std::all_of(letters.begin(), letters.end(), [](const auto& l) { return l->done; });
  });
}

int post(const char* operation, bool sends, void* data, std::size_t count, int type, int peer, ErgonNcclComm handle, ErgonStream stream) {
  Comm* comm = comm_of(handle);
  if (const int result = scripted(*comm->owner, operation)) {
    if (open_group) open_group->failed = true;
    return result;
  }
  comm->owner->launches.push_back({comm->group->name, "message", count, type});
  const MessagePart part{comm, sends, data, count * width(type), peer};
  const std::string text = fmt::format("{} {} {} {}", operation, count, sends ? "to" : "from", peer);
  if (!open_group) {
    launched(*comm->owner, stream, comm->group->name + " " + text);
    enqueue(stream, [part] { carry_messages({part}); });
  } else {
    open_group->stream = stream;
    open_group->text += (open_group->parts.empty() ? "" : ", ") + text;
    open_group->parts.push_back(part);
  }
  return taken(*comm);
}

Comm* new_comm(std::shared_ptr<Group> group, int rank) {
  World& world = *here->world;
  auto comm = std::make_unique<Comm>();
  comm->owner = here;
  comm->group = std::move(group);
  comm->rank = rank;
  comm->polls = here->script.polls;
  world.live.insert(comm.get());
  world.comms.push_back(std::move(comm));
  return world.comms.back().get();
}

int get_unique_id(ErgonNcclId* id) {
  if (const int result = scripted(*here, "get_unique_id")) return result;
  const std::lock_guard lock(here->world->mutex);
  std::snprintf(id->bytes, sizeof id->bytes, "id %d", ++here->world->ids);
  return 0;
}

int comm_init_rank(ErgonNcclComm* result, int size, const ErgonNcclId* id, int rank, const char* name) {
  if (const int code = scripted(*here, "comm_init_rank")) return code;
  const std::lock_guard lock(here->world->mutex);
  std::shared_ptr<Group>& group = here->world->groups[id->bytes];
  if (!group) group = std::make_shared<Group>(Group{name, size, 0, {}, {}, {}, {}});
  ++group->joined;
  *result = reinterpret_cast<ErgonNcclComm>(new_comm(group, rank));
  return ERGON_NCCL_IN_PROGRESS;
}

int comm_split(ErgonNcclComm handle, int color, int key, ErgonNcclComm* result, const char* name) {
  Comm* parent = comm_of(handle);
  if (const int code = scripted(*here, "comm_split")) return code;
  const std::lock_guard lock(here->world->mutex);
  Group& group = *parent->group;
  if (static_cast<int>(group.splits.size()) == group.size) group.splits.clear(), group.made.clear();
  group.splits.emplace_back(key, parent->rank, color);
  std::shared_ptr<Group>& made = group.made[color];
  if (!made) made = std::make_shared<Group>(Group{name, 0, 0, {}, {}, {}, {}});
  ++made->size;
  Comm* comm = new_comm(made, -1);
  comm->parent = parent->group;
  comm->key = key;
  comm->color = color;
  if (static_cast<int>(group.splits.size()) == group.size) {
    std::sort(group.splits.begin(), group.splits.end());
    for (const auto& one : here->world->comms)
      if (one->parent == parent->group && one->rank < 0) {
        one->rank = 0;
        for (const auto& [other_key, other_rank, other_color] : group.splits)
          if (other_color == one->color && other_key < one->key) ++one->rank;
        one->group->joined = one->group->size;
      }
  }
  *result = reinterpret_cast<ErgonNcclComm>(comm);
  return taken(*parent);
}

int comm_get_async_error(ErgonNcclComm handle, int* result) {
  Comm* comm = comm_of(handle);
  const std::lock_guard lock(comm->owner->world->mutex);
  *result = comm->owner->script.async_error;
  if (*result == ERGON_NCCL_SUCCESS && (comm->rank < 0 || comm->group->joined < comm->group->size || comm->polls > 0)) {
    if (comm->polls > 0) --comm->polls;
    *result = ERGON_NCCL_IN_PROGRESS;
  }
  return ERGON_NCCL_SUCCESS;
}

int leave(ErgonNcclComm handle) {
  Comm* comm = comm_of(handle);
  const std::lock_guard lock(comm->owner->world->mutex);
  comm->owner->world->live.erase(comm);
  return 0;
}

// What the rank has begun and nobody has met: its memory may be gone as soon as the abort returns.
void take_back(const Comm& comm) {
  if (!comm.group) return;
  for (auto& [number, meeting] : comm.group->meetings) {
    if (meeting.done || !meeting.here[static_cast<std::size_t>(comm.rank)]) continue;
    meeting.here[static_cast<std::size_t>(comm.rank)] = false;
    --meeting.arrived;
  }
  std::erase_if(comm.group->mail, [&](const auto& letters) {
    const auto& [from, to, sends] = letters.first;
    return comm.rank == (sends ? from : to);
  });
}

int comm_abort(ErgonNcclComm handle) {
  Comm* comm = comm_of(handle);
  World& world = *comm->owner->world;
  std::unique_lock lock(world.mutex);
  if (comm->owner->script.abort_hangs) world.changed.wait(lock, [&] { return world.ended; });
  ++comm->owner->aborts;
  comm->aborted = true;
  take_back(*comm);
  world.live.erase(comm);
  world.changed.notify_all();
  return 0;
}

int group_start() {
  open_group = std::make_unique<OpenGroup>();
  return 0;
}

int group_end() {
  const std::unique_ptr<OpenGroup> group = std::move(open_group);
  if (!group->parts.empty() && !group->failed) {
    const Comm& comm = *group->parts.front().comm;
    launched(*comm.owner, group->stream, fmt::format("{} {{{}}}", comm.group->name, group->text));
    enqueue(group->stream, [parts = group->parts] { carry_messages(parts); });
  }
  return here ? scripted(*here, "group_end") : 0;
}

int stream_create(ErgonStream* result, int priority) {
  const std::lock_guard lock(here->world->mutex);
  Stream* stream = here->world->streams.emplace_back(std::make_unique<Stream>()).get();
  stream->prefix = priority == ERGON_STREAM_HIGH ? "" : "bulk ";
  stream->worker = std::thread(work, stream);
  *result = reinterpret_cast<ErgonStream>(stream);
  return 0;
}

int await(Event* event, std::uint64_t number, World* world) {
  std::unique_lock lock(event->mutex);
  const auto deadline = Clock::now() + patience;
  while (event->completed < number) {
    event->changed.wait_for(lock, std::chrono::milliseconds(10));
    if (world->ended || Clock::now() > deadline) return 1;
  }
  return 0;
}

int stream_wait_event(ErgonStream stream, ErgonEvent handle) {
  Event* event = event_of(handle);
  World* world = here->world;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(event->mutex);
    number = event->recorded;
  }
  if (!stream) here->trace.push_back("wait " + event->after);
  if (!stream && !here->compute) return await(event, number, world);
  enqueue(stream ? stream : here->compute, [=] {
    if (await(event, number, world) == 0 || world->ended) return;
    const std::lock_guard lock(world->mutex);
    world->disagreements.push_back("a stream waited in vain for what comes after " + event->after);
  });
  return 0;
}

int event_create(ErgonEvent* result, int) {
  const std::lock_guard lock(here->world->mutex);
  *result = reinterpret_cast<ErgonEvent>(here->world->events.emplace_back(std::make_unique<Event>()).get());
  return 0;
}

int event_record(ErgonEvent handle, ErgonStream stream) {
  Event* event = event_of(handle);
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(event->mutex);
    number = ++event->recorded;
  }
  if (stream) event->after = stream_of(stream)->last;
  if (!stream) stream = here->compute;
  const auto complete = [event, number] {
    const std::lock_guard lock(event->mutex);
    event->completed = std::max(event->completed, number);
    event->at = Clock::now();
    event->changed.notify_all();
  };
  stream ? enqueue(stream, complete) : complete();
  return 0;
}

int event_query(ErgonEvent handle, int* done) {
  Event* event = event_of(handle);
  const std::lock_guard lock(event->mutex);
  *done = event->completed == event->recorded;
  return 0;
}

int event_elapsed(ErgonEvent begin, ErgonEvent end, float* milliseconds) {
  *milliseconds = std::chrono::duration<float, std::milli>(event_of(end)->at - event_of(begin)->at).count();
  return 0;
}

// ATen computes at once, so what the stream holds must be done first.
int set_current_stream(ErgonStream handle, int) {
  if (!handle) return 0;
  Stream* stream = stream_of(handle);
  std::unique_lock lock(stream->mutex);
  return stream->changed.wait_for(lock, patience, [&] { return stream->queue.empty() && !stream->busy; }) ? 0 : 1;
}

}  // namespace

const ErgonNcclTable& NcclMock::nccl() {
  static const ErgonNcclTable table = {
      [](int* version) -> int { return *version = 22809, 0; },
      get_unique_id,
      comm_init_rank,
      comm_split,
      comm_get_async_error,
      [](ErgonNcclComm comm) -> int { return taken(*comm_of(comm)); },
      leave,
      comm_abort,
      group_start,
      group_end,
      [](const void* send, void* receive, size_t count, int type, int reduction, ErgonNcclComm comm, ErgonStream stream) -> int {
        return launch("all_reduce", send, receive, count, type, reduction, comm, stream);
      },
      [](const void* send, void* receive, size_t count, int type, ErgonNcclComm comm, ErgonStream stream) -> int {
        return launch("all_gather", send, receive, count, type, 0, comm, stream);
      },
      [](const void* send, void* receive, size_t count, int type, int reduction, ErgonNcclComm comm, ErgonStream stream) -> int {
        return launch("reduce_scatter", send, receive, count, type, reduction, comm, stream);
      },
      [](const void* send, void* receive, size_t count, int type, int root, ErgonNcclComm comm, ErgonStream stream) -> int {
        return launch("broadcast", send, receive, count, type, root, comm, stream);
      },
      [](const void* data, size_t count, int type, int peer, ErgonNcclComm comm, ErgonStream stream) -> int {
        return post("send", true, const_cast<void*>(data), count, type, peer, comm, stream);
      },
      [](void* data, size_t count, int type, int peer, ErgonNcclComm comm, ErgonStream stream) -> int {
        return post("recv", false, data, count, type, peer, comm, stream);
      },
      [](int result) -> const char* {
        constexpr const char* names[] = {"no error",         "unhandled cuda error", "unhandled system error", "internal error",
                                         "invalid argument", "invalid usage",        "remote process exited",  "in progress"};
        return names[result];
      },
      [](ErgonNcclComm) -> const char* { return "the mock's last word"; },
  };
  return table;
}

const ErgonDeviceTable& NcclMock::device() {
  static const ErgonDeviceTable table = {
      [](int* version) -> int { return *version = 13000, 0; },
      [](int* count) -> int { return *count = 8, 0; },
      [](int) -> int { return 0; },
      [](int, ErgonDeviceProperties*) -> int { return 0; },
      stream_create,
      [](ErgonStream) -> int { return 0; },
      stream_wait_event,
      event_create,
      [](ErgonEvent) -> int { return 0; },
      event_record,
      event_query,
      event_elapsed,
      set_current_stream,
      [](int) -> const char* { return "the mock's device failed"; },
  };
  return table;
}

NcclMock::NcclMock(int ranks) : world_(std::make_unique<World>()) {
  for (int rank = 0; rank < ranks; ++rank) {
    world_->ranks.push_back(std::make_unique<Rank>());
    world_->ranks.back()->world = world_.get();
    world_->ranks.back()->number = rank;
  }
}

NcclMock::~NcclMock() {
  {
    const std::lock_guard lock(world_->mutex);
    world_->ended = true;
    world_->changed.notify_all();
  }
  for (auto& stream : world_->streams) {
    {
      const std::lock_guard lock(stream->mutex);
      stream->ended = true;
      stream->changed.notify_all();
    }
    stream->worker.join();
  }
  // An abort that hung ends now, in a thread that nobody joins.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

MockScript& NcclMock::script(int rank) { return world_->ranks[static_cast<std::size_t>(rank)]->script; }
std::vector<MockLaunch> NcclMock::launches(int rank) const { return world_->ranks[static_cast<std::size_t>(rank)]->launches; }
int NcclMock::aborts(int rank) const { return world_->ranks[static_cast<std::size_t>(rank)]->aborts; }
int NcclMock::ids() const { return world_->ids; }
int NcclMock::live_communicators() const { return static_cast<int>(world_->live.size()); }
std::vector<std::string> NcclMock::disagreements() const { return world_->disagreements; }
std::vector<std::string> NcclMock::trace(int rank) const { return world_->ranks[static_cast<std::size_t>(rank)]->trace; }
void NcclMock::note(const std::string& what) { here->trace.push_back(what); }

void NcclMock::hold_compute() {
  stream_create(&here->compute, ERGON_STREAM_NORMAL);
  enqueue(here->compute, [world = world_.get()] {
    std::unique_lock lock(world->mutex);
    world->changed.wait(lock, [&] { return world->released || world->ended; });
  });
}

void NcclMock::release_compute() {
  const std::lock_guard lock(world_->mutex);
  world_->released = true;
  world_->changed.notify_all();
}

void NcclMock::compute(std::function<void()> task) { here->compute ? enqueue(here->compute, std::move(task)) : task(); }
void NcclMock::finish_compute() { set_current_stream(here->compute, 0); }

void NcclMock::enter(int rank) { here = world_->ranks[static_cast<std::size_t>(rank)].get(); }

std::string on_mock(NcclMock& mock, int ranks, const MockBody& body, NcclLimits limits) {
  std::mutex mutex;
  std::string all;
  run_local_ranks(ranks, [&](std::unique_ptr<Communicator> world) {
    mock.enter(world->rank());
    Failures failures;
    body(NcclContext::make(NcclMock::nccl(), NcclMock::device(), 0, at::kCPU, limits), std::shared_ptr<Communicator>(std::move(world)),
         failures);
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < failures.text.size() && i < 10; ++i) all += failures.text[i] + "\n";
  });
  return all;
}

}  // namespace ergon
