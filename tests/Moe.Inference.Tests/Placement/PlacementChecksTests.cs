using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Placement;

public class PlacementChecksTests
{
    private static readonly Device Gpu = Device.Cuda(0);

    public static TheoryData<DevicePlacement, FindingSeverity, FindingKind, string> Cases => new()
    {
        { DevicePlacement.Cpu.WithOverride("exqs=CUDA0"), FindingSeverity.Error, FindingKind.UnmatchedRule, "rule 'exqs=CUDA0' matches no tensor" },
        { DevicePlacement.Cpu.Put("blk.94.*", Gpu), FindingSeverity.Error, FindingKind.UnmatchedRule, "rule 'blk.94.*=CUDA0' matches no tensor" },
        { DevicePlacement.Cpu.WithOverride("exps=CUDA0,up_exps=CPU"), FindingSeverity.Warning, FindingKind.ShadowedRule, "rule 'up_exps=CPU' has no effect*" },
        { DevicePlacement.Cpu.WithOverride(@"\.5\.ffn_up_exps=CUDA0"), FindingSeverity.Error, FindingKind.SeparatedGateAndUp, "in layer 5 gate and up of the feed-forward network are on CPU and CUDA0" },
        { DevicePlacement.Cpu.WithOverride(@"[3-5]\.ffn_gate_exps=CUDA0"), FindingSeverity.Error, FindingKind.SeparatedGateAndUp, "in layers 3-5, 13-15, 23-25*are on CUDA0 and CPU" },
        { DevicePlacement.Cpu.WithOverride(@"down_exps=CUDA0"), FindingSeverity.Warning, FindingKind.SeparatedDown, "in layers 0-93 gate and up of the feed-forward network are on CPU, and down on CUDA0" },
        { DevicePlacement.Cpu.WithOverride(@"\.7\.attn_q\.=CUDA0"), FindingSeverity.Warning, FindingKind.SeparatedAttention, "in layer 7 the matrices of attention are spread over CUDA0, CPU" },
        { DevicePlacement.Cpu.WithOverride(@"blk.*attn_[qkvo][^_]*\.=CUDA0"), FindingSeverity.Warning, FindingKind.LeftBehind, "in layers 0-93*small tensors are on CPU: attn_norm.weight" },
        { DevicePlacement.On(Gpu).WithOverride(@"\.3\.ffn_norm=CPU"), FindingSeverity.Warning, FindingKind.LeftBehind, "in layer 3*small tensors are on CPU: ffn_norm.weight" },
        { DevicePlacement.Cpu.WithSplit(new ExpertSplit([94, 95], [(Gpu, 1)])), FindingSeverity.Error, FindingKind.UnmatchedSplit, "*layers 94, 95*" },
        { DevicePlacement.Cpu.WithSplit(new ExpertSplit([], [(Gpu, 1)])), FindingSeverity.Error, FindingKind.UnmatchedSplit, "*no layer*" },
        { DevicePlacement.Cpu.WithSplit(new ExpertSplit([1], [(Gpu, 1)])).WithSplit(new ExpertSplit([1, 2], [(Gpu, 1)])), FindingSeverity.Warning, FindingKind.ShadowedSplit, "*layer 1*twice*" },
        { DevicePlacement.Cpu.WithSplit(new ExpertSplit([1, 2, 3], [(Gpu, 3), (Device.Cpu, 1)])), FindingSeverity.Note, FindingKind.SplitExperts, "experts of layers 1-3 are split: 0-95 on CUDA0, 96-127 on CPU" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_is_odd_is_found(DevicePlacement placement, FindingSeverity severity, FindingKind kind, string message)
    {
        IReadOnlyList<PlacementFinding> findings = PlacementChecks.Run(SeedCommands.Qwen235, placement);
        PlacementFinding finding = findings.First(candidate => candidate.Kind == kind);
        finding.Severity.Should().Be(severity);
        finding.Message.Should().Match(message);
        findings.Select(candidate => candidate.Severity).Should().BeInAscendingOrder("errors come first");
    }

    [Fact]
    public void What_is_usual_is_not_odd()
    {
        DevicePlacement[] usual =
        [
            DevicePlacement.Cpu,
            DevicePlacement.On(Gpu),
            DevicePlacement.On(Gpu).ExpertsOnCpu(),
            DevicePlacement.On(Gpu).ExpertsOnCpu(30),
            DevicePlacement.LayersByShare(94, 40, [(Gpu, 1), (Device.Cuda(1), 3)]),
            DevicePlacement.LayersByShare(94, 95, [(Gpu, 1), (Device.Cuda(1), 3)]).ExpertsOnCpu(),
            DevicePlacement.LayersByShare(94, 95, [(Gpu, 1), (Device.Cuda(1), 3)]).WithOverride(SeedCommands.Third),
            SeedCommands.Place(SeedCommands.First),
            SeedCommands.Place(SeedCommands.Second),
        ];
        foreach (DevicePlacement placement in usual)
            PlacementChecks.Run(SeedCommands.Qwen235, placement).Should().BeEmpty();
    }
}
