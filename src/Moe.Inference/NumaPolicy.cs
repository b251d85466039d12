namespace Moe.Inference;

/// <summary>Where the host's memory lies on a machine whose processors have memory of their own (NUMA).</summary>
public enum NumaPolicy
{
    /// <summary>As the system decides: a page lies where it is first touched.</summary>
    None,

    /// <summary>
    /// Pages in turn on all nodes, so that threads of all nodes read at the speed of all nodes together, and threads that are bound to cores are spread
    /// over the nodes. It applies to memory that the library allocates, and to pages of a mapped file that loading brings into memory; pages that were
    /// there before stay where they are. Linux only; nothing changes where there is one node.
    /// </summary>
    Interleave,
}
