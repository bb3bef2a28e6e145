// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/device.hpp"

#include <array>
#include <atomic>

#include "configs/error.hpp"
#include "trainer/kernels/dropout_mask.hpp"

namespace ergon {
namespace {

// One slot a type of device. Written while no kernel runs (at start, at the end, between tests).
std::array<std::atomic<const DeviceKernels*>, at::COMPILE_TIME_MAX_DEVICE_TYPES> registered{};

std::atomic<const DeviceKernels*>& slot(at::DeviceType type) { return registered[static_cast<std::size_t>(type)]; }

}  // namespace

DeviceKernels::DeviceKernels(const ErgonKernelTable& table, void* stream) : table_(table), stream_(stream) {
  if (table.version != ERGON_KERNEL_TABLE_VERSION)
    throw Error(fmt::format("the device library has kernels of version {}, this program wants version {}", table.version,
                            static_cast<int>(ERGON_KERNEL_TABLE_VERSION)),
                "run.device", "install the device library that was built with this program", ExitCode::world);
  check("blas_create", table_.blas_create(&blas_));
}

DeviceKernels::~DeviceKernels() {
  if (blas_) table_.blas_destroy(blas_);
}

void DeviceKernels::check(const char* kernel, int code) const {
  if (code == 0) return;
  throw Error(fmt::format("the device kernel {} failed: {} (code {})", kernel, table_.error_text(code), code), "run.device",
              "run `ergon doctor`, or use run.device = \"cpu\"", ExitCode::world);
}

const DeviceKernels* device_kernels(at::DeviceType type) { return slot(type).load(std::memory_order_relaxed); }
const DeviceKernels* device_kernels(const at::Tensor& x) { return device_kernels(x.device().type()); }

DeviceRegistration::DeviceRegistration(at::DeviceType type, const DeviceKernels& kernels) : type_(type) {
  const DeviceKernels* none = nullptr;
  ERGON_CHECK(slot(type).compare_exchange_strong(none, &kernels), "device {} has its kernels already", c10::DeviceTypeName(type));
}

DeviceRegistration::~DeviceRegistration() { slot(type_).store(nullptr); }

ErgonDtype device_dtype(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kFloat:
      return ERGON_FLOAT32;
    case at::kDouble:
      return ERGON_FLOAT64;
    case at::kBFloat16:
      return ERGON_BFLOAT16;
    case at::kLong:
      return ERGON_INT64;
    default:
      break;
  }
  ERGON_CHECK(false, "device kernels take float, double, bfloat16 and int64, not {}", c10::toString(x.scalar_type()));
  return ERGON_FLOAT32;
}

ErgonDropout device_dropout(double p, std::int64_t seed, Stream stream, std::int64_t step, std::int64_t layer, DropoutSite site) {
  const DropoutPlan plan = dropout_plan(p, seed, stream, step, layer, static_cast<unsigned>(site));
  return {{plan.key[0], plan.key[1]}, plan.step, plan.site, plan.threshold, plan.factor};
}

}  // namespace ergon
