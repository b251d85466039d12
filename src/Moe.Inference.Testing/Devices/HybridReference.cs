namespace Moe.Inference.Testing;

/// <summary>A model on the host alone, and what it answered to scripts.</summary>
internal sealed class HybridReference(string path) : IDisposable
{
    private const int KvBlock = 32;
    private const int MostKept = 32;
    private readonly Dictionary<(HybridSwitches, HybridScript), IReadOnlyList<float[]>> _answers = [];

    /// <summary>The model.</summary>
    public Model Model { get; } = Model.Load(path);

    /// <summary>Whether key/value memory can be in blocks of 32, which heads must be made of.</summary>
    public bool TakesQuantizedKv => Model.Graph.Nodes.All(node => node.Kv is not { } kv || (kv.KeyWidth % KvBlock == 0 && kv.ValueWidth % KvBlock == 0));

    /// <summary>Plays a script.</summary>
    public async Task<IReadOnlyList<float[]>> PlayAsync(HybridSwitches switches, HybridScript script)
    {
        switches = switches with { Validate = false };
        if (_answers.TryGetValue((switches, script), out IReadOnlyList<float[]>? known))
            return known;
        using Context context = Model.CreateContext(switches.Options(script.ContextLength));
        IReadOnlyList<float[]> rows = await script.PlayAsync(context).ConfigureAwait(false);
        switches = switches with { Validate = false };
        if (_answers.Count >= MostKept)
            _answers.Clear();
        _answers.Add((switches, script), rows);
        return rows;
    }

    /// <summary>Gives the model back.</summary>
    public void Dispose() => Model.Dispose();
}
