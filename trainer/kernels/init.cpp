// SPDX-License-Identifier: Apache-2.0
#include "trainer/kernels/init.hpp"

#include "trainer/kernels/device.hpp"
#include "trainer/kernels/philox.hpp"
#include "trainer/kernels/vectorised.hpp"

namespace ergon {

void fill_normal(const at::Tensor& local, std::string_view name, const Extents& global_shape, const ShardBox& box, double std,
                 std::int64_t seed) {
  const std::size_t dims = global_shape.size();
  ERGON_CHECK((dims == 1 || dims == 2) && box.offset.size() == dims && box.extent.size() == dims, "{} has {} dims", name, dims);
  const bool matrix = dims == 2;
  const std::int64_t rows = matrix ? box.extent[0] : 1, columns = box.extent[dims - 1];
  const std::int64_t first_row = matrix ? box.offset[0] : 0, first_column = box.offset[dims - 1], global_columns = global_shape[dims - 1];
  ERGON_CHECK(
      local.is_contiguous() && local.numel() >= rows * columns && (columns == 0 || local.size(-1) == (matrix ? columns : local.numel())),
      "{}: a box of {} x {} does not fit a tensor of {}", name, rows, columns, c10::str(local.sizes()));
  const PhiloxKey key = philox_key(seed, Stream::init);
  const std::uint64_t hash = fnv1a(name);
  if (const DeviceKernels* device = device_kernels(local))
    return device->fill_normal(local, key, hash, {rows, columns, first_row, first_column, global_columns}, std);
  dispatch(local, [&](auto zero) {
    using T = decltype(zero);
    T* out = local.data_ptr<T>();
    at::parallel_for(0, rows * columns, 4096, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t element = (first_row + i / columns) * global_columns + first_column + i % columns;
        out[i] = static_cast<T>(std * normal(key, hash, static_cast<std::uint64_t>(element)));
      }
    });
  });
}

}  // namespace ergon
