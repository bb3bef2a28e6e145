// SPDX-License-Identifier: Apache-2.0
#include "trainer/microbatches.hpp"

#include <utility>

#include "configs/clock.hpp"
#include "configs/error.hpp"

namespace ergon {
namespace {

void announce_to(Transformer& model, const PipelineAction* next) {
  model.announce(next == nullptr                               ? ParameterStore::no_unit
                 : next->kind == PipelineAction::Kind::forward ? model.first_unit_of_forward(next->chunk)
                                                               : model.first_unit_of_backward(next->chunk));
}

class TrainingStage final : public PipelineStage {
 public:
  TrainingStage(Replica& replica, const StepBatch& batch, std::int64_t step, double loss_scale)
      : replica_(replica), batch_(batch), context_(replica.context(step, 0)), loss_scale_(loss_scale), slots_(replica.slots) {
    slots_.begin_step();
  }

  void announce(const PipelineAction* next) override { announce_to(replica_.model, next); }

  void forward(int microbatch, int chunk, const at::Tensor& x_ND, const at::Tensor& y_ND) override {
    replica_.enter(FlightPart::forward);
    replica_.audit.enter(Phase::forward);
    const double loss =
        replica_.model.forward({chunk, x_ND, y_ND}, to_device(of(microbatch), replica_.device), context_, slots_.take(microbatch, chunk));
    passes_.loss += loss;
    if (replica_.ordered_loss && !y_ND.defined()) replica_.ordered_loss->add(loss);
    passes_.seconds.forward += lap();
  }

  void backward(int microbatch, int chunk, const at::Tensor& d_ND) override {
    enter_backward();
    replica_.model.backward(context_, loss_scale_, write(microbatch), unit_done(microbatch), slots_.give_back(microbatch, chunk), d_ND);
    chunk_done(chunk);
    passes_.seconds.backward += lap();
  }

  void backward_input(int microbatch, int chunk, const at::Tensor& d_ND) override {
    enter_backward();
    replica_.model.backward_input(context_, loss_scale_, slots_.of(microbatch, chunk), d_ND);
    passes_.seconds.backward += lap();
  }

  void backward_weight(int microbatch, int chunk) override {
    enter_backward();
    replica_.model.backward_weight(context_, write(microbatch), unit_done(microbatch), slots_.give_back(microbatch, chunk));
    chunk_done(chunk);
    passes_.seconds.backward += lap();
  }

  TrainingPasses finish() {
    if (replica_.tied_table_unit >= 0 && !each_microbatch_leaves()) complete(replica_.tied_table_unit);
    passes_.seconds.backward += lap();
    return passes_;
  }

 private:
  const Batch& of(int microbatch) const { return batch_.microbatches[static_cast<std::size_t>(microbatch)]; }
  Write write(int microbatch) {
    return replica_.reduction->begin_microbatch(microbatch, num_microbatches()) ? Write::overwrite : Write::accumulate;
  }
  std::int64_t num_microbatches() const { return std::ssize(batch_.microbatches); }

  // Every schedule runs the backwards of a chunk in the order of the microbatches.
  Transformer::UnitDone unit_done(int microbatch) {
    if (microbatch + 1 < num_microbatches() && !each_microbatch_leaves()) return [](int) {};
    return [this](int unit) { complete(unit); };
  }
  // The last chunk of the last stage has written its copy of a tied table; no unit of its own says so.
  void chunk_done(int chunk) {
    const bool has_table = replica_.tied_table_unit >= 0 && chunk + 1 == replica_.training.plan().chunks;
    if (has_table && each_microbatch_leaves()) complete(replica_.tied_table_unit);
  }
  bool each_microbatch_leaves() const { return replica_.reduction->takes_every_microbatch(); }
  void complete(int unit) {
    replica_.partial_sums.sum(unit);
    replica_.reduction->unit_ready(unit);
  }

  void enter_backward() {
    replica_.enter(FlightPart::backward);
    replica_.audit.enter(Phase::backward);
  }
  Seconds lap() { return since(std::exchange(last_, Clock::now())); }

  Replica& replica_;
  const StepBatch& batch_;
  StepContext context_;
  double loss_scale_;
  SlotTable& slots_;
  TrainingPasses passes_;
  Clock::time_point last_ = Clock::now();
};

class EvaluationStage final : public PipelineStage {
 public:
  EvaluationStage(Replica& replica, const StepBatch& batch, OrderedLoss* ordered)
      : replica_(replica), batch_(batch), ordered_(ordered), context_(replica.context(0, 0, false)) {}

  void announce(const PipelineAction* next) override { announce_to(replica_.model, next); }
  void forward(int microbatch, int chunk, const at::Tensor& x_ND, const at::Tensor& y_ND) override {
    const Batch& batch = batch_.microbatches[static_cast<std::size_t>(microbatch)];
    const double of_microbatch = replica_.model.forward({chunk, x_ND, y_ND}, to_device(batch, replica_.device), context_, 0);
    loss += of_microbatch;
    if (ordered_ != nullptr && !y_ND.defined()) ordered_->add(of_microbatch);
  }
  void backward_input(int, int, const at::Tensor&) override { ERGON_CHECK(false, "a backward in an evaluation"); }
  void backward_weight(int, int) override { ERGON_CHECK(false, "a backward in an evaluation"); }
  void backward(int, int, const at::Tensor&) override { ERGON_CHECK(false, "a backward in an evaluation"); }

  double loss = 0;

 private:
  Replica& replica_;
  const StepBatch& batch_;
  OrderedLoss* ordered_;
  StepContext context_;
};

}  // namespace

TrainingPasses run_training_passes(Replica& replica, const StepBatch& batch, std::int64_t step, double loss_scale) {
  TrainingStage stage(replica, batch, step, loss_scale);
  replica.training.run(stage);
  return stage.finish();
}

double run_evaluation_passes(Replica& replica, const StepBatch& batch, OrderedLoss* ordered) {
  EvaluationStage stage(replica, batch, ordered);
  replica.evaluation.run(stage);
  return stage.loss;
}

}  // namespace ergon
