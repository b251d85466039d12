using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.Conformance;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Planning;

public class FusePassTests
{
    private static readonly string[] Fused = [AddNormOp.OpName, MatMulGroupOp.OpName, RopeStoreOp.OpName, MoeSumOp.OpName];

    [Fact]
    public async Task A_plan_of_fused_operations_gives_the_same_bits()
    {
        using Model model = TestModels.Load();
        int[] tokens = TestModels.StoryTokens(model, 40);
        (float[][] apart, _) = await Run(model, Context.CreateRegistry(), tokens);
        (float[][] together, string[] operations) = await Run(model, Registry(), tokens);
        operations.Should().Contain(Fused).And.NotContain([FusedMoeOp.OpName, MultiAddOp.OpName, RopeOp.OpName, KvStoreOp.OpName]);
        together.Should().BeEquivalentTo(apart, options => options.WithStrictOrdering());
    }

    [Fact]
    public async Task Validation_checks_fused_steps_by_their_composed_forms()
    {
        using Model model = TestModels.Load();
        int[] tokens = TestModels.StoryTokens(model, 5);
        using Context context = model.CreateContext(new ContextOptions { Operations = Registry(), Validate = true, ContextLength = 128, MicroBatch = 8 });
        using Session session = context.CreateSession();
        (await TestModels.LogitsOf(session, tokens)).Should().HaveCount(5);
    }

    [Theory]
    [InlineData(AddNormOp.OpName)]
    [InlineData(MatMulGroupOp.OpName)]
    [InlineData(RopeStoreOp.OpName)]
    [InlineData(MoeSumOp.OpName)]
    public void A_fused_operation_that_is_switched_off_is_not_made(string operation) =>
        OperationsOf(Plan(Layer(), Registry().Disable(operation))).Should().NotContain(operation).And.Contain(Fused.Except([operation]));

    [Fact]
    public void Without_kernels_nothing_is_fused() => OperationsOf(Plan(Layer(), Context.CreateRegistry())).Should().NotContain(Fused);

    [Fact]
    public void A_value_that_somebody_else_reads_is_not_fused_away()
    {
        GraphBuilder builder = new();
        GraphValue x = builder.Add("x", new EmbeddingOp(), [builder.Inputs.TokenIds], [new Weight("table", ElementType.F32, 32, 10)]);
        GraphValue sum = AddExperts(builder, x, out GraphValue rows);
        GraphValue again = builder.Add("again", new ScaledSlotOp(0, 2), [rows, builder.Add("factors", new MatMulOp(), [x], [new Weight("factors", ElementType.F32, 32, 2)])]);
        ModelGraph graph = builder.Build(builder.Add("both", new AddOp(), [sum, again]));
        OperationsOf(Plan(graph, Registry())).Should().Contain([FusedMoeOp.OpName, MultiAddOp.OpName]).And.NotContain(MoeSumOp.OpName);
    }

    [Fact]
    public void Nothing_is_fused_across_devices()
    {
        OpRegistry registry = Registry().RegisterMissing(SimulatedKernels());
        DevicePlacement placement = DevicePlacement.Cpu.Put("norm", new Device("SIM", 0));
        ExecutionPlan plan = Planner.Plan(Request(Layer(), registry) with { Placement = placement });
        OperationsOf(plan).Should().NotContain(AddNormOp.OpName);
        plan.Steps.Single(step => step.Node.Label == "normal").Device.Should().Be(new Device("SIM", 0));
    }

    private static OpRegistry SimulatedKernels()
    {
        OpRegistry registry = new();
        new SimulatedDevice().RegisterKernels(registry);
        return registry;
    }

    private static OpRegistry Registry()
    {
        OpRegistry registry = Context.CreateRegistry();
        foreach (string operation in Fused)
            registry.Register(new ComposedKernel(operation));
        return registry;
    }

    private static PlanRequest Request(ModelGraph graph, OpRegistry registry) =>
        new(graph, new RunSize(8, 2, 4, 128), registry, DevicePlacement.Cpu, new KernelOptions(2, true, ElementType.F32));

    private static ExecutionPlan Plan(ModelGraph graph, OpRegistry registry) => Planner.Plan(Request(graph, registry));

    private static IEnumerable<string> OperationsOf(ExecutionPlan plan) => plan.Steps.Select(step => step.Node.Operation.Name);

    private static GraphValue AddExperts(GraphBuilder builder, GraphValue x, out GraphValue rows)
    {
        GraphValue logits = builder.Add("router", new MatMulOp(), [x], [new Weight("router", ElementType.F32, 32, 4)]);
        IReadOnlyList<GraphValue> chosen = builder.AddNode("route", new RouteOp(2, RouterGate.Softmax, true), [logits]).Outputs;
        Weight Matrices(string name) => new(name, ElementType.F32, 32, 32, 4);
        rows = builder.Add("experts", new FusedMoeOp(2, ActivationKind.Silu), [x, chosen[0]], [Matrices("gate"), Matrices("up"), Matrices("down")]);
        return builder.Add("sum", new MultiAddOp(2), [rows, chosen[1]]);
    }

    // One layer of a model whose heads are normalized.
    private static ModelGraph Layer()
    {
        GraphBuilder builder = new();
        KvLayer kv = new(0, 1, 32, 32);
        GraphValue x = builder.Add("x", new EmbeddingOp(), [builder.Inputs.TokenIds], [new Weight("table", ElementType.F32, 32, 10)]);
        GraphValue rope = builder.Add("rope", new RopeTableOp(32, 10000), [builder.Inputs.Positions]);
        GraphValue Project(string name) => builder.Add(name, new MatMulOp(), [x], [new Weight(name, ElementType.F32, 32, 32)]);
        (GraphValue q, GraphValue k, GraphValue v) = (Project("q"), Project("k"), Project("v"));
        GraphValue Rotate(string name, GraphValue value) =>
            builder.Add($"{name}_rope", new RopeOp(32, RopeStyle.Halves), [builder.Add($"{name}_norm", new RmsNormOp(1e-6f), [value], [new Weight($"{name}_norm", ElementType.F32, 32)]), rope]);
        (GraphValue queries, GraphValue keys) = (Rotate("q", q), Rotate("k", k));
        builder.AddNode("store", new KvStoreOp(), [keys, v, builder.Inputs.KvSlots], kv: kv);
        GraphValue mixed = builder.Add("mix", new FlashAttentionOp(new AttentionShape(1, 1, 32, 32, 1)), [queries, builder.Inputs.KvLengths, builder.Inputs.PageStarts, builder.Inputs.Pages], kv: kv);
        GraphValue state = builder.Add("residual", new AddOp(), [x, mixed]);
        GraphValue normal = builder.Add("normal", new RmsNormOp(1e-6f), [state], [new Weight("norm", ElementType.F32, 32)]);
        return builder.Build(builder.Add("end", new AddOp(), [state, AddExperts(builder, normal, out _)]));
    }

    private static async Task<(float[][] Logits, string[] Operations)> Run(Model model, OpRegistry registry, int[] tokens)
    {
        using Context context = model.CreateContext(new ContextOptions { Operations = registry, ContextLength = 128, Threads = 2 });
        using Session session = context.CreateSession();
        return (await TestModels.LogitsOf(session, tokens), [.. OperationsOf(context.Plan).Distinct()]);
    }
}
