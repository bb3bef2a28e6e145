// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicator_local.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>
#include <tuple>

#include "configs/error.hpp"

namespace ergon {
namespace {

// What one rank brings to a collective.
struct Post {
  Collective operation;
  at::Tensor output, input;
  std::vector<std::int64_t> receive = {}, send = {};
  Reduction reduction = Reduction::sum;
  int number = 0;  // root or distance
};

struct Slot {
  std::vector<std::optional<Post>> posts;
  int arrived = 0;
  bool done = false;
  std::string failure;
};

// One side of a point-to-point message that waits for the other.
struct Letter {
  Letter(at::Tensor tensor, int other) : data(std::move(tensor)), peer(other) {}
  at::Tensor data;
  int peer;
  bool done = false;
  std::string failure;
};

using Posts = std::vector<std::optional<Post>>;

at::Tensor flat(const at::Tensor& tensor) { return tensor.view({-1}); }

at::Tensor reduce_in_rank_order(const Posts& posts, std::int64_t first, std::int64_t count) {
  at::Tensor result = flat(posts[0]->input).narrow(0, first, count).clone();
  for (std::size_t r = 1; r < posts.size(); ++r) {
    const at::Tensor next = flat(posts[r]->input).narrow(0, first, count);
    switch (posts[0]->reduction) {
      case Reduction::sum:
        result.add_(next);
        break;
      case Reduction::max:
        result.copy_(result.maximum(next));
        break;
      case Reduction::min:
        result.copy_(result.minimum(next));
        break;
    }
  }
  return result;
}

void exchange(const Posts& posts) {
  for (std::size_t to = 0; to < posts.size(); ++to) {
    std::int64_t target = 0;
    for (std::size_t from = 0; from < posts.size(); ++from) {
      const Post& sender = *posts[from];
      std::int64_t source = 0;
      for (std::size_t r = 0; r < to; ++r) source += sender.send[r];
      const std::int64_t count = sender.send[to];
      flat(posts[to]->output).narrow(0, target, count).copy_(flat(sender.input).narrow(0, source, count));
      target += count;
    }
  }
}

void carry_out(const Posts& posts) {
  const Post& first = *posts[0];
  const auto size = static_cast<int>(posts.size());
  switch (first.operation) {
    case Collective::all_reduce: {
      const at::Tensor result = reduce_in_rank_order(posts, 0, first.input.numel());
      for (const auto& post : posts) flat(post->output).copy_(result);
      break;
    }
    case Collective::all_gather:
      for (const auto& post : posts)
        for (int r = 0; r < size; ++r) post->output.view({size, -1}).select(0, r).copy_(flat(posts[static_cast<std::size_t>(r)]->input));
      break;
    case Collective::reduce_scatter: {
      std::vector<at::Tensor> results;
      for (int r = 0; r < size; ++r) results.push_back(reduce_in_rank_order(posts, r * first.output.numel(), first.output.numel()));
      for (std::size_t r = 0; r < posts.size(); ++r) flat(posts[r]->output).copy_(results[r]);
      break;
    }
    case Collective::all_to_all:
      exchange(posts);
      break;
    case Collective::broadcast:
      for (const auto& post : posts)
        if (&post != &posts[static_cast<std::size_t>(first.number)])
          flat(post->output).copy_(flat(posts[static_cast<std::size_t>(first.number)]->input));
      break;
    case Collective::ring_shift:
      for (int r = 0; r < size; ++r)
        flat(posts[static_cast<std::size_t>((r + first.number) % size)]->output).copy_(flat(posts[static_cast<std::size_t>(r)]->input));
      break;
    default:
      break;
  }
}

// Empty when the ranks agree, otherwise what differs.
std::string disagreement(const Posts& posts) {
  for (std::size_t r = 1; r < posts.size(); ++r) {
    const Post &a = *posts[0], &b = *posts[r];
    if (a.operation != b.operation) return fmt::format("rank {} called {} where rank 0 called {}", r, name(b.operation), name(a.operation));
    if (a.number != b.number || a.reduction != b.reduction)
      return fmt::format("rank {} called {} with another root, distance or reduction than rank 0", r, name(a.operation));
    if (a.operation == Collective::barrier) continue;
    if (a.input.scalar_type() != b.input.scalar_type())
      return fmt::format("rank {} called {} with another dtype than rank 0", r, name(a.operation));
    if (a.send.empty() && a.input.numel() != b.input.numel())
      return fmt::format("rank {} called {} with {} elements where rank 0 has {}", r, name(a.operation), b.input.numel(), a.input.numel());
  }
  for (std::size_t to = 0; to < posts.size() && !posts[0]->send.empty(); ++to)
    for (std::size_t from = 0; from < posts.size(); ++from)
      if (posts[to]->receive[from] != posts[from]->send[to])
        return fmt::format("rank {} expects {} elements from rank {}, which sends {}", to, posts[to]->receive[from], from,
                           posts[from]->send[to]);
  return {};
}

// The state that the ranks of one group share; every member holds the lock.
class Rendezvous {
 public:
  Rendezvous(std::vector<int> members, std::string name)
      : members_(std::move(members)),
        name_(std::move(name)),
        next_(members_.size(), 0),
        gone_(members_.size(), false),
        asked_(members_.size()),
        made_(members_.size()) {}

  const std::vector<int>& members() const { return members_; }

  int size() const { return static_cast<int>(next_.size()); }

  std::shared_ptr<Slot> post(int rank, Post post) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t sequence = next_[static_cast<std::size_t>(rank)]++;
    std::shared_ptr<Slot>& place = open_[sequence];
    if (!place) {
      place = std::make_shared<Slot>();
      place->posts.resize(next_.size());
    }
    std::shared_ptr<Slot> slot = place;
    slot->posts[static_cast<std::size_t>(rank)] = std::move(post);
    if (++slot->arrived == size()) {
      open_.erase(sequence);
      slot->failure = disagreement(slot->posts);
      if (slot->failure.empty()) carry_out(slot->posts);
      slot->posts.clear();
      slot->done = true;
    }
    return slot;
  }

  bool finished(const Slot& slot) {
    const std::lock_guard lock(mutex_);
    refuse(slot.failure);
    if (!slot.done)
      for (std::size_t r = 0; r < gone_.size(); ++r)
        if (gone_[r] && !slot.posts[r]) refuse(fmt::format("rank {} left the group while others wait for it", r));
    return slot.done;
  }

  std::shared_ptr<Letter> mail(int from, int to, std::uint64_t tag, bool sends, at::Tensor data) {
    const std::lock_guard lock(mutex_);
    auto& waiting = letters_[{from, to, tag, !sends}];
    auto letter = std::make_shared<Letter>(std::move(data), sends ? to : from);
    if (waiting.empty()) {
      letters_[{from, to, tag, sends}].push_back(letter);
      return letter;
    }
    const std::shared_ptr<Letter> other = waiting.front();
    waiting.pop_front();
    const at::Tensor &source = sends ? letter->data : other->data, &target = sends ? other->data : letter->data;
    if (source.numel() == target.numel() && source.scalar_type() == target.scalar_type())
      flat(target).copy_(flat(source));
    else
      letter->failure = other->failure = fmt::format("rank {} sends {} elements to rank {}, which expects {}, or of another dtype", from,
                                                     source.numel(), to, target.numel());
    letter->done = other->done = true;
    letter->data.reset();
    other->data.reset();
    return letter;
  }

  bool finished(const Letter& letter) {
    const std::lock_guard lock(mutex_);
    refuse(letter.failure);
    if (!letter.done && gone_[static_cast<std::size_t>(letter.peer)])
      refuse(fmt::format("rank {} left the group while others wait for it", letter.peer));
    return letter.done;
  }

  void leave(int rank) {
    const std::lock_guard lock(mutex_);
    gone_[static_cast<std::size_t>(rank)] = true;
    changed_.notify_all();
  }

  // `check` is called again and again while this rank waits for the others.
  std::unique_ptr<Communicator> split(int rank, int color, int key, const std::string& name, const std::function<void()>& check);

 private:
  void refuse(const std::string& what) const {
    if (!what.empty()) throw Error(what, name_, "every rank must start the same operations of a group in the same order", ExitCode::stuck);
  }
  void make_groups();

  struct Ask {
    int color, key;
    std::string name;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> members_;  // world ranks
  std::string name_;
  std::vector<std::uint64_t> next_;
  std::vector<bool> gone_;
  std::map<std::uint64_t, std::shared_ptr<Slot>> open_;
  std::map<std::tuple<int, int, std::uint64_t, bool>, std::deque<std::shared_ptr<Letter>>> letters_;
  std::vector<std::optional<Ask>> asked_;
  std::vector<std::unique_ptr<Communicator>> made_;
  std::uint64_t splits_ = 0;
};

template <typename Awaited>
class LocalRequest final : public Work::Request {
 public:
  LocalRequest(std::shared_ptr<Rendezvous> group, std::shared_ptr<Awaited> awaited)
      : group_(std::move(group)), awaited_(std::move(awaited)) {}
  bool poll() override { return group_->finished(*awaited_); }

 private:
  std::shared_ptr<Rendezvous> group_;
  std::shared_ptr<Awaited> awaited_;
};

class LocalCommunicator final : public Communicator {
 public:
  LocalCommunicator(std::shared_ptr<Rendezvous> group, int rank, const std::string& name)
      : Communicator(rank, name, group->members()), group_(std::move(group)) {}
  ~LocalCommunicator() override { group_->leave(rank()); }

 protected:
  std::unique_ptr<Communicator> make_group(int color, int key, const std::string& name) override {
    return group_->split(rank(), color, key, name, [this] { check_flight(); });
  }

  RequestPtr start_all_reduce(at::Tensor data, Reduction reduction) override {
    return start({Collective::all_reduce, data, data, {}, {}, reduction});
  }
  RequestPtr start_all_gather(at::Tensor output, at::Tensor input) override { return start({Collective::all_gather, output, input}); }
  RequestPtr start_reduce_scatter(at::Tensor output, at::Tensor input) override {
    return start({Collective::reduce_scatter, output, input});
  }
  RequestPtr start_all_to_all_v(at::Tensor output, std::vector<std::int64_t> receive, at::Tensor input,
                                std::vector<std::int64_t> send) override {
    return start({Collective::all_to_all, output, input, std::move(receive), std::move(send)});
  }
  RequestPtr start_broadcast(at::Tensor data, int root) override {
    return start({Collective::broadcast, data, data, {}, {}, Reduction::sum, root});
  }
  RequestPtr start_send(at::Tensor data, int peer, std::uint64_t tag) override { return mail(rank(), peer, tag, true, std::move(data)); }
  RequestPtr start_recv(at::Tensor data, int peer, std::uint64_t tag) override { return mail(peer, rank(), tag, false, std::move(data)); }
  RequestPtr start_ring_shift(at::Tensor output, at::Tensor input, int distance) override {
    return start({Collective::ring_shift, output, input, {}, {}, Reduction::sum, distance});
  }
  RequestPtr start_barrier() override { return start({Collective::barrier, {}, {}}); }

 private:
  RequestPtr start(Post post) { return std::make_unique<LocalRequest<Slot>>(group_, group_->post(rank(), std::move(post))); }
  RequestPtr mail(int from, int to, std::uint64_t tag, bool sends, at::Tensor data) {
    return std::make_unique<LocalRequest<Letter>>(group_, group_->mail(from, to, tag, sends, std::move(data)));
  }

  std::shared_ptr<Rendezvous> group_;
};

void Rendezvous::make_groups() {
  std::map<int, std::vector<std::tuple<int, std::size_t>>> members;
  for (std::size_t r = 0; r < asked_.size(); ++r) members[asked_[r]->color].emplace_back(asked_[r]->key, r);
  for (auto& [color, ranks] : members) {
    std::sort(ranks.begin(), ranks.end());
    std::vector<int> world_ranks;
    for (const auto& [key, r] : ranks) world_ranks.push_back(members_[r]);
    const auto group = std::make_shared<Rendezvous>(std::move(world_ranks), asked_[std::get<1>(ranks[0])]->name);
    for (std::size_t i = 0; i < ranks.size(); ++i) {
      const std::size_t r = std::get<1>(ranks[i]);
      made_[r] = std::make_unique<LocalCommunicator>(group, static_cast<int>(i), asked_[r]->name);
    }
  }
  for (auto& ask : asked_) ask.reset();
}

std::unique_ptr<Communicator> Rendezvous::split(int rank, int color, int key, const std::string& name, const std::function<void()>& check) {
  std::unique_lock lock(mutex_);
  asked_[static_cast<std::size_t>(rank)] = Ask{color, key, name};
  const std::uint64_t number = splits_;
  if (std::all_of(asked_.begin(), asked_.end(), [](const auto& ask) { return ask.has_value(); })) {
    make_groups();
    ++splits_;
    changed_.notify_all();
  }
  const auto left = [&] {
    for (std::size_t r = 0; r < gone_.size(); ++r)
      if (gone_[r] && !asked_[r]) return static_cast<int>(r);
    return -1;
  };
  while (!changed_.wait_for(lock, std::chrono::milliseconds(20), [&] { return splits_ != number || left() >= 0; })) check();
  if (splits_ == number) refuse(fmt::format("rank {} left the group while others wait for it", left()));
  return std::move(made_[static_cast<std::size_t>(rank)]);
}

}  // namespace

std::vector<std::unique_ptr<Communicator>> make_local_group(int size, const std::string& name) {
  ERGON_CHECK(size >= 1, "a group of {} ranks", size);
  std::vector<int> members(static_cast<std::size_t>(size));
  std::iota(members.begin(), members.end(), 0);
  const auto group = std::make_shared<Rendezvous>(std::move(members), name);
  std::vector<std::unique_ptr<Communicator>> ranks;
  for (int rank = 0; rank < size; ++rank) ranks.push_back(std::make_unique<LocalCommunicator>(group, rank, name));
  return ranks;
}

void run_local_ranks(int size, const std::function<void(std::unique_ptr<Communicator>)>& body) {
  auto ranks = make_local_group(size);
  std::vector<std::exception_ptr> failures(ranks.size());
  std::vector<bool> consequence(ranks.size(), false);
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (std::size_t r = 0; r < ranks.size(); ++r)
    threads.emplace_back([&, r, rank = std::move(ranks[r])]() mutable {
      try {
        body(std::move(rank));
      } catch (const Error& error) {
        const std::lock_guard lock(mutex);
        failures[r] = std::current_exception();
        consequence[r] = error.code() == ExitCode::stuck;
      } catch (...) {
        const std::lock_guard lock(mutex);
        failures[r] = std::current_exception();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const bool accept : {false, true})
    for (std::size_t r = 0; r < failures.size(); ++r)
      if (failures[r] && consequence[r] == accept) std::rethrow_exception(failures[r]);
}

}  // namespace ergon
