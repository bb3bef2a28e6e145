// SPDX-License-Identifier: Apache-2.0
#include "parallel/communicator_mpi.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "configs/error.hpp"
#include "parallel/mpi.hpp"

namespace ergon {
namespace {

constexpr int message_tag = 0, shift_tag = 1, first_free_tag = 2;
constexpr std::size_t most_blocks = 512;  // whose types a group keeps
// The standard promises tags up to 32767.
constexpr std::uint64_t num_tags = 32767 - first_free_tag;

MPI_Datatype number_type(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return MPI_FLOAT;
    case at::kDouble:
      return MPI_DOUBLE;
    case at::kLong:
      return MPI_INT64_T;
    case at::kInt:
      return MPI_INT32_T;
    case at::kByte:
      return MPI_UINT8_T;
    default:
      return MPI_DATATYPE_NULL;
  }
}

MPI_Op mpi_operation(Reduction reduction) {
  return reduction == Reduction::sum ? MPI_SUM : reduction == Reduction::max ? MPI_MAX : MPI_MIN;
}

std::int64_t element_size(const at::Tensor& tensor) { return static_cast<std::int64_t>(tensor.element_size()); }
char* bytes(const at::Tensor& tensor) { return static_cast<char*>(tensor.mutable_data_ptr()); }

int tag_of(std::uint64_t tag) { return tag == 0 ? message_tag : first_free_tag + static_cast<int>(tag % num_tags); }

// Everything that must stay alive until MPI is done with it. Abandoned while an exception unwinds, it is leaked: MPI may still write into
// the tensors.
struct Pending {
  std::vector<MPI_Request> requests;
  std::vector<at::Tensor> tensors;
  std::vector<MpiBlock> blocks;
  std::vector<MPI_Datatype> types;
  std::vector<int> counts, displacements;
};

class MpiRequest final : public Work::Request {
 public:
  MpiRequest(std::unique_ptr<Pending> pending, std::string group) : pending_(std::move(pending)), group_(std::move(group)) {}
  ~MpiRequest() override {
    if (!done_) static_cast<void>(pending_.release());
  }

  bool poll() override {
    if (done_) return true;
    int all = 0;
    statuses_.resize(pending_->requests.size());
    const int code = MPI_Testall(static_cast<int>(pending_->requests.size()), pending_->requests.data(), &all, statuses_.data());
    if (code == MPI_ERR_IN_STATUS)
      for (const MPI_Status& status : statuses_)
        if (status.MPI_ERROR != MPI_ERR_PENDING) mpi_check(status.MPI_ERROR, "MPI_Testall", group_);
    mpi_check(code, "MPI_Testall", group_);
    done_ = all != 0;
    return done_;
  }

 private:
  std::unique_ptr<Pending> pending_;
  std::vector<MPI_Status> statuses_;
  std::string group_;
  bool done_ = false;
};

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(MpiComm comm, MpiLimits limits)
      : Communicator(comm.rank(), comm.name(), comm.members()), comm_(std::move(comm)), limits_(limits) {
    ERGON_CHECK(limits_.elements >= 1 && limits_.elements <= (std::int64_t{1} << 30), "a limit of {} elements", limits_.elements);
  }

 protected:
  // MPI has no split that can be polled; the record of the caller says that it waits here.
  std::unique_ptr<Communicator> make_group(int color, int key, const std::string& name) override {
    return std::make_unique<MpiCommunicator>(comm_.split(color, key, name), limits_);
  }

  RequestPtr start_all_reduce(at::Tensor data, Reduction reduction) override {
    auto pending = std::make_unique<Pending>();
    for (std::int64_t at = 0; at < data.numel(); at += limits_.elements) {
      const auto count = static_cast<int>(std::min(limits_.elements, data.numel() - at));
      ERGON_MPI(MPI_Iallreduce(MPI_IN_PLACE, bytes(data) + at * element_size(data), count, number_type(data.scalar_type()),
                               mpi_operation(reduction), comm_.get(), next(*pending)),
                name());
    }
    return finish(std::move(pending), {data});
  }

  RequestPtr start_all_gather(at::Tensor output, at::Tensor input) override {
    auto pending = std::make_unique<Pending>();
    if (input.numel() > 0) {
      const MPI_Datatype part = block(*pending, input.numel(), element_size(input), 0);
      const bool in_place = bytes(input) == bytes(output) + rank() * input.numel() * element_size(input);
      ERGON_MPI(MPI_Iallgather(in_place ? MPI_IN_PLACE : bytes(input), 1, part, bytes(output), 1, part, comm_.get(), next(*pending)),
                name());
    }
    return finish(std::move(pending), {output, input});
  }

  // Sums take plain counts only, so a large part is staged: piece after piece, the slices of all ranks side by side.
  RequestPtr start_reduce_scatter(at::Tensor output, at::Tensor input) override {
    auto pending = std::make_unique<Pending>();
    const MPI_Datatype type = number_type(input.scalar_type());
    const std::int64_t part = output.numel(), limit = std::max<std::int64_t>(1, limits_.elements / size());
    for (std::int64_t at = 0; at < part; at += limit) {
      const std::int64_t count = std::min(limit, part - at);
      const at::Tensor piece = count == part ? input : input.view({size(), part}).narrow(1, at, count).contiguous();
      ERGON_MPI(MPI_Ireduce_scatter_block(bytes(piece), bytes(output) + at * element_size(output), static_cast<int>(count), type, MPI_SUM,
                                          comm_.get(), next(*pending)),
                name());
      pending->tensors.push_back(piece);
    }
    return finish(std::move(pending), {output, input});
  }

  // The w form, because its types carry byte addresses: counts and displacements of the v form are int, and ranks could not agree on when
  // to leave it.
  RequestPtr start_all_to_all_v(at::Tensor output, std::vector<std::int64_t> receive, at::Tensor input,
                                std::vector<std::int64_t> send) override {
    auto pending = std::make_unique<Pending>();
    const auto ranks = static_cast<std::size_t>(size());
    const auto describe = [&](const std::vector<std::int64_t>& counts, const at::Tensor& tensor) {
      std::int64_t at = 0;
      for (std::int64_t count : counts) {
        pending->counts.push_back(count > 0 ? 1 : 0);
        pending->types.push_back(count > 0 ? block(*pending, count, element_size(tensor), at * element_size(tensor)) : MPI_BYTE);
        at += count;
      }
    };
    describe(send, input);
    describe(receive, output);
    pending->displacements.assign(ranks, 0);
    const int *counts = pending->counts.data(), *zeros = pending->displacements.data();
    const MPI_Datatype* types = pending->types.data();
    ERGON_MPI(MPI_Ialltoallw(bytes(input), counts, zeros, types, bytes(output), counts + ranks, zeros, types + ranks, comm_.get(),
                             next(*pending)),
              name());
    return finish(std::move(pending), {output, input});
  }

  RequestPtr start_broadcast(at::Tensor data, int root) override {
    auto pending = std::make_unique<Pending>();
    if (data.numel() > 0) {
      const MPI_Datatype type = block(*pending, data.numel(), element_size(data), 0);
      ERGON_MPI(MPI_Ibcast(bytes(data), 1, type, root, comm_.get(), next(*pending)), name());
    }
    return finish(std::move(pending), {data});
  }

  RequestPtr start_send(at::Tensor data, int peer, std::uint64_t tag) override {
    auto pending = std::make_unique<Pending>();
    post_send(*pending, data, peer, tag_of(tag));
    return finish(std::move(pending), {data});
  }

  RequestPtr start_recv(at::Tensor data, int peer, std::uint64_t tag) override {
    auto pending = std::make_unique<Pending>();
    post_receive(*pending, data, peer, tag_of(tag));
    return finish(std::move(pending), {data});
  }

  RequestPtr start_ring_shift(at::Tensor output, at::Tensor input, int distance) override {
    auto pending = std::make_unique<Pending>();
    post_receive(*pending, output, (rank() - distance + size()) % size(), shift_tag);
    post_send(*pending, input, (rank() + distance) % size(), shift_tag);
    return finish(std::move(pending), {output, input});
  }

  RequestPtr start_barrier() override {
    auto pending = std::make_unique<Pending>();
    ERGON_MPI(MPI_Ibarrier(comm_.get(), next(*pending)), name());
    return finish(std::move(pending), {});
  }

 private:
  static MPI_Request* next(Pending& pending) { return &pending.requests.emplace_back(MPI_REQUEST_NULL); }

  // A step moves the same blocks as the step before, and MPI allocates for a type ten times what it does for a message.
  MPI_Datatype block(Pending& pending, std::int64_t count, std::int64_t size, std::int64_t displacement) {
    const std::array<std::int64_t, 3> key{count, size, displacement};
    if (const auto known = blocks_.find(key); known != blocks_.end()) return known->second.get();
    MpiBlock made(count, size, displacement, limits_.elements);
    if (blocks_.size() < most_blocks) return blocks_.emplace(key, std::move(made)).first->second.get();
    return pending.blocks.emplace_back(std::move(made)).get();
  }

  void post_send(Pending& pending, const at::Tensor& data, int peer, int tag) {
    const MPI_Datatype type = block(pending, data.numel(), element_size(data), 0);
    ERGON_MPI(MPI_Isend(bytes(data), 1, type, peer, tag, comm_.get(), next(pending)), name());
  }

  void post_receive(Pending& pending, const at::Tensor& data, int peer, int tag) {
    const MPI_Datatype type = block(pending, data.numel(), element_size(data), 0);
    ERGON_MPI(MPI_Irecv(bytes(data), 1, type, peer, tag, comm_.get(), next(pending)), name());
  }

  RequestPtr finish(std::unique_ptr<Pending> pending, std::vector<at::Tensor> tensors) const {
    for (at::Tensor& tensor : tensors) pending->tensors.push_back(std::move(tensor));
    return std::make_unique<MpiRequest>(std::move(pending), name());
  }

  MpiComm comm_;
  MpiLimits limits_;
  std::map<std::array<std::int64_t, 3>, MpiBlock> blocks_;  // by elements, bytes of one, bytes before them
};

}  // namespace

std::unique_ptr<Communicator> make_mpi_world(MpiLimits limits) {
  return std::make_unique<MpiCommunicator>(MpiComm::copy(MPI_COMM_WORLD, "world"), limits);
}

}  // namespace ergon
