// The names of kernels.h that queue work, once: LDC_EACH_KERNEL(X) is X(name) of each, in the order of kernels.h. The addon's methods and the
// calls of recorded steps are made from it. conv2d_packed_elements, which answers at once, is not among them.
#pragma once

#define LDC_EACH_KERNEL(X) \
  X(fill) \
  X(scale) \
  X(add) \
  X(accumulate) \
  X(multiply) \
  X(multiply_scalar) \
  X(relu_forward) \
  X(relu_backward) \
  X(to_features) \
  X(to_dense) \
  X(convert) \
  X(images_to_features) \
  X(copy_channels) \
  X(dropout_mask) \
  X(conv2d_pack) \
  X(conv2d_forward) \
  X(conv2d_data_grad) \
  X(conv2d_weight_grad) \
  X(batch_norm_moments) \
  X(batch_norm_inv_std) \
  X(batch_norm_forward) \
  X(batch_norm_backward) \
  X(max_pool2d_forward) \
  X(max_pool2d_backward) \
  X(adaptive_avg_pool2d_forward) \
  X(adaptive_avg_pool2d_backward) \
  X(global_avg_pool_forward) \
  X(global_avg_pool_backward) \
  X(resize_bilinear) \
  X(rotate) \
  X(resized_crop) \
  X(mix_colours) \
  X(linear_forward) \
  X(linear_data_grad) \
  X(linear_weight_grad) \
  X(feature_norm_forward) \
  X(feature_norm_backward) \
  X(l2_normalize_forward) \
  X(l2_normalize_backward) \
  X(take_rows) \
  X(unit_columns) \
  X(align_heads) \
  X(log_softmax_forward) \
  X(log_softmax_backward) \
  X(cross_entropy) \
  X(bce_with_logits) \
  X(mse) \
  X(triplet) \
  X(supcon) \
  X(grad_cam) \
  X(unit_range) \
  X(adam) \
  X(sgd)
