// SPDX-License-Identifier: Apache-2.0
#include "trainer/step.hpp"

#include <c10/core/InferenceMode.h>

#include <cmath>

#include "configs/clock.hpp"
#include "configs/error.hpp"
#include "trainer/optimizer/adamw.hpp"
#include "trainer/optimizer/grad_norm.hpp"
#include "trainer/optimizer/schedule.hpp"

namespace ergon {
namespace {

class Stopwatch {
 public:
  // Since the last call.
  Seconds lap() {
    const auto now = Clock::now();
    return since(std::exchange(start_, now), now);
  }

 private:
  Clock::time_point start_ = Clock::now();
};

double sum_over(Replica& replica, Communicator& group, double value) {
  auto* total = replica.host_sum.data_ptr<double>();
  *total = value;
  group.all_reduce(replica.host_sum).wait();
  return *total;
}

// What stages have parts of, or one of them has.
double over_stages(Replica& replica, double value) {
  Communicator& stages = *replica.communicators.host_pp;
  return stages.size() > 1 ? sum_over(replica, stages, value) : value;
}

// A rank that is dead or stopped must not keep this one from ending in order.
void wait_limited(Work& work, const PendingStop& pending_stop) {
  if (!pending_stop) return work.wait();
  for (Seconds limit{5}; !work.wait_for(limit); limit = Seconds{0.1})
    if (pending_stop() > StopRequest::save)
      throw Error("a stop was asked for, but the other ranks did not arrive within 5 s", "stop",
                  "a rank is stuck or dead; nothing was saved at this step; run the same line to resume", ExitCode::stuck);
}

// Over dp x cp; the sum over tp is the squared norm.
double squares_of_tensor_rank(Replica& replica) {
  if (replica.ordered_norm) return replica.ordered_norm->squares();
  const double mine = squared_gradient_norm(replica.parameters);
  return replica.parameters.stage() == ZeroStage::none ? mine : sum_over(replica, *replica.communicators.host_dp_cp, mine);
}

// Fills what is the same on all ranks: the largest of what they bring.
void agree(Replica& replica, StepResult& result, const PendingStop& pending_stop, const StepCalls& calls) {
  const bool finite = std::isfinite(result.loss) && std::isfinite(result.grad_norm);
  auto* flags = replica.host_flags.data_ptr<std::int64_t>();
  flags[0] = finite ? 0 : 1;
  flags[1] = static_cast<std::int64_t>(pending_stop ? pending_stop() : StopRequest::none);
  flags[2] = finite && calls.leaps && calls.leaps(result.loss);
  flags[3] = calls.writing && calls.writing();
  Work work = replica.communicators.control->all_reduce(replica.host_flags, Reduction::max);
  wait_limited(work, pending_stop);
  result.skipped = flags[0] != 0;
  result.stop = static_cast<StopRequest>(flags[1]);
  result.leaped = flags[2] != 0;
  result.writing = flags[3] != 0;
}

// What this rank has the masters of; the weights of a bucket leave for the other ranks beside the update of the next.
void update_parameters(Replica& replica, double lr, double gradient_scale, std::int64_t step) {
  const OptimizerSection& optimizer = replica.config.optimizer;
  int updated = 0;
  for (const Update& u : replica.updates) {
    for (; updated < u.bucket; ++updated) replica.parameters.start_sharing(updated);
    const AdamW adamw{lr, optimizer.betas[0], optimizer.betas[1], optimizer.epsilon, u.decays ? optimizer.weight_decay : 0.0};
    adamw_update(u.master, u.gradient, u.first_moment, u.second_moment, adamw, gradient_scale, step, u.weight);
  }
  replica.parameters.share_weights();
}

}  // namespace

StepResult run_step(Replica& replica, const StepBatch& batch, std::int64_t step, const PendingStop& pending_stop, const StepCalls& calls) {
  const c10::InferenceMode no_view_records;
  StepResult result;
  Stopwatch watch;
  Communicators& groups = replica.communicators;
  const OptimizerSection& optimizer = replica.config.optimizer;

  // 1. Losses are summed and divided once by the token count of all ranks; a step without a valid label has loss 0 and gradient 0.
  const double loss_scale = batch.valid_tokens > 0 ? 1.0 / static_cast<double>(batch.valid_tokens) : 0.0;

  // 2. Every microbatch forward and backward, in the order of the pipeline's schedule. A bucket is summed over dp x cp as soon as
  //    backward has filled it: in the last microbatch, where the others were added before it, or, where owners add them up, in each.
  const TrainingPasses passes = run_training_passes(replica, batch, step, loss_scale);
  result.seconds.forward = passes.seconds.forward;
  result.seconds.backward = passes.seconds.backward;
  watch.lap();

  // 3. What is left of the sums over ranks: the last buckets, and the loss.
  replica.enter(FlightPart::update);
  replica.reduction->finish();
  result.loss =
      over_stages(replica, (replica.ordered_loss ? replica.ordered_loss->total() : sum_over(replica, *groups.host_dp_cp, passes.loss))) *
      loss_scale;

  // 4. The global norm counts each parameter once, whatever the mesh: by its owner, where gradients have owners.
  result.grad_norm = std::sqrt(over_stages(replica, sum_over(replica, *groups.host_tp, squares_of_tensor_rank(replica))));

  // 5. All ranks agree whether the step is finite and in line, whether somebody was asked to stop, and whether a save is being written.
  agree(replica, result, pending_stop, calls);
  result.seconds.reduce = watch.lap();

  // 6. Clip by the global norm and update; the clip factor travels into the update, so gradients are read once.
  result.lr = learning_rate(optimizer, replica.config.train.steps, step);
  const double scale = clip_scale(result.grad_norm, optimizer.clip);
  result.clipped = !result.skipped && scale < 1.0;
  if (!result.skipped && calls.before_update) result.held = calls.before_update();
  if (!result.skipped) update_parameters(replica, result.lr, scale, step);
  result.seconds.optimizer = watch.lap();
  groups.poll();
  return result;
}

}  // namespace ergon
