package lwm2m.conformance.peers;

import java.util.ArrayList;
import java.util.List;

import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel;
import org.eclipse.leshan.core.model.ResourceModel.Operations;
import org.eclipse.leshan.core.model.ResourceModel.Type;

/** The objects that the programs know: those that come with Leshan, a temperature sensor, and the portfolio. */
final class Models {
    static final int TEMPERATURE = 3303;
    static final int PORTFOLIO = 16;

    private Models() {
    }

    /** As a device has them, each in one version. */
    static List<ObjectModel> all() {
        return with(ObjectLoader.loadDefault());
    }

    /** As a server needs them that meets devices of all versions. */
    static List<ObjectModel> everyVersion() {
        return with(ObjectLoader.loadAllDefault());
    }

    private static List<ObjectModel> with(List<ObjectModel> standard) {
        List<ObjectModel> models = new ArrayList<>(standard);
        models.add(new ObjectModel(TEMPERATURE, "Temperature", "", "1.1", true, false,
                resource(5700, "Sensor Value", Operations.R, true, Type.FLOAT),
                resource(5601, "Min Measured Value", Operations.R, false, Type.FLOAT),
                resource(5602, "Max Measured Value", Operations.R, false, Type.FLOAT),
                resource(5701, "Sensor Units", Operations.R, false, Type.STRING),
                resource(5605, "Reset Min and Max Measured Values", Operations.E, false, Type.NONE),
                resource(5750, "Application Type", Operations.RW, false, Type.STRING)));
        models.add(new ObjectModel(PORTFOLIO, "Portfolio", "", "1.0", true, false, new ResourceModel(0, "Identity",
                Operations.RW, true, true, Type.STRING, "", "", "")));
        return models;
    }

    private static ResourceModel resource(int id, String name, Operations operations, boolean mandatory, Type type) {
        return new ResourceModel(id, name, operations, false, mandatory, type, "", "", "");
    }
}
