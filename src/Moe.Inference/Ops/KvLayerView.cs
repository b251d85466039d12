using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// The key/value memory of one layer as a kernel sees it: pages of <see cref="PageLength"/> tokens, each page holding, head after head,
/// the rows of its tokens, so that one head's rows of a page are contiguous: [page][head][token in page][width].
/// </summary>
/// <param name="Layer">Heads and widths.</param>
/// <param name="Keys">All pages' keys: rows of <see cref="KvLayer.KeyWidth"/> elements.</param>
/// <param name="Values">All pages' values: rows of <see cref="KvLayer.ValueWidth"/> elements.</param>
/// <param name="PageLength">Tokens of a page.</param>
public sealed record KvLayerView(KvLayer Layer, Tensors.TensorView Keys, Tensors.TensorView Values, int PageLength);
